from mtbench.outcomes import OVERALL


def test_the_overall_has_a_name() -> None:
    assert OVERALL == "overall"
