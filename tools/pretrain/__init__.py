"""Recipe of the encoder `tiny`: from text and a teacher to a checkpoint."""
