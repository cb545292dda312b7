"""Bench: what a step of each cell takes on this machine."""
