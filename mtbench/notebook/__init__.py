"""Notebook: the commands as functions, for notebooks and scripts."""
