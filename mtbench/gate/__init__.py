"""Gate: a study held against the baseline that is committed beside it."""
