"""What the conformance kit asks of a balancer."""

from mtbench.testing.checks import Checks

check = Checks("balancer")
