"""Matrix: a file of a study, to the cells it makes."""
