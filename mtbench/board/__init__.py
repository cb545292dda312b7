"""Board: the leaderboard, from stored results to tables."""
