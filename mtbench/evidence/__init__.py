"""Evidence: what seeds and examples say about a difference."""
