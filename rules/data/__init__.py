"""DAT: what was trained and tested on."""
