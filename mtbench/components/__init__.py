"""Components: what plugins bring, where it came from, and what is wrong with it."""
