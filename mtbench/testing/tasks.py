"""What the conformance kit asks of a task: its description, its examples, its files."""

from mtbench.testing import task_descriptions, task_examples, task_files
from mtbench.testing.checks import Checks

check = Checks("task")
for part in (task_descriptions.check, task_examples.check, task_files.check):
    check.all.extend(part.all)
