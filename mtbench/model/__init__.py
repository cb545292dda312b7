"""Model: one encoder shared by all tasks, and a head for each of them."""
