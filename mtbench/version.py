"""The version of mtbench: the one place that says it, which imports nothing."""

__version__ = "0.1.0"
