"""What this machine is and has: detection, descriptions, the page cache, what works."""
