"""The conformance kit: what plugin authors, and this project, write their tests with."""

from mtbench.testing.combining import combine

__all__ = ["combine"]
