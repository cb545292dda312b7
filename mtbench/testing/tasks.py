"""What the conformance kit asks of a task."""

from mtbench.testing.checks import Checks

check = Checks("task")
