"""The checks of combiners as a whole; what each of them catches is tested beside its module."""

from mtbench.testing import combiner_answers, combiner_manners, combiner_memory
from mtbench.testing.combiners import check


def test_all_checks_of_combiners() -> None:
    parts = (combiner_answers, combiner_memory, combiner_manners)
    assert check.all == [each for part in parts for each in part.check.all]
    assert {each.kind for each in check.all} == {"combiner"}


def test_the_name_that_the_spec_of_the_sum_declares() -> None:
    assert "differs-from-sum" in {each.name for each in check.all}
