"""Browser tests: reports and leaderboards in headless Chromium."""
