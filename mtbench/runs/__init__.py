"""Runs: one run, from its request to its result and its predictions."""
