"""What these checks catch is in test_tasks; here, that they are among a task's, in their order."""

from mtbench.testing import task_examples, tasks


def test_they_are_among_the_checks_of_a_task() -> None:
    names = [check.name for check in tasks.check.all]
    own = [check.name for check in task_examples.check.all]
    start = names.index(own[0])
    assert names[start : start + len(own)] == own
