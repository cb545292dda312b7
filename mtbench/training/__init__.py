"""Training: the loop, and what it takes its steps, batches and choices from."""
