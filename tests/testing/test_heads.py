"""The checks of heads as a whole; what each of them catches is tested beside its module."""

from mtbench.testing import head_gradients, head_modules, head_outputs, head_tasks
from mtbench.testing.heads import check


def test_all_checks_of_heads_in_the_order_in_which_they_explain_each_other() -> None:
    parts = (head_tasks, head_outputs, head_gradients, head_modules)
    assert check.all == [each for part in parts for each in part.check.all]
    assert {each.kind for each in check.all} == {"head"}
    assert check.all[0].name == "takes-some-task"
