"""What the conformance kit asks of a combiner."""

from mtbench.testing import combiner_answers, combiner_manners, combiner_memory
from mtbench.testing.checks import Checks

check = Checks("combiner", combiner_answers.check, combiner_memory.check, combiner_manners.check)
