"""The conformance kit: what plugin authors, and this project, write their tests with."""

from mtbench.testing.combining import combine
from mtbench.testing.marks import parametrize_with_checks

__all__ = ["combine", "parametrize_with_checks"]
