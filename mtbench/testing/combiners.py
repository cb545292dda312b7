"""What the conformance kit asks of a combiner."""

from mtbench.testing.checks import Checks

check = Checks("combiner")
