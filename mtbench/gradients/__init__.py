"""Gradients: those of every task from one pass, and the update made of them."""
