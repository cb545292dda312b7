"""Executors: where runs run."""
