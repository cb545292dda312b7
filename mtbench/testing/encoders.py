"""What the conformance kit asks of a encoder."""

from mtbench.testing.checks import Checks

check = Checks("encoder")
