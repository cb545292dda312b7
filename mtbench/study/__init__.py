"""Study: from a matrix to the runs that are stored, those to do, and their training."""
