"""Comparison: what differs between two runs, cells, matrices or stores."""
