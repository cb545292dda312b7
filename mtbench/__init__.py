"""A benchmark harness for multi-task learning of sentence embeddings."""

__version__ = "0.1.0"
