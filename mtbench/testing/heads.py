"""What the conformance kit asks of a head."""

from mtbench.testing.checks import Checks

check = Checks("head")
