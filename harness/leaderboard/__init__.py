"""The leaderboard: only packages that the checker passes."""
