"""What the conformance kit asks of a head."""

from mtbench.testing import head_gradients, head_modules, head_outputs, head_tasks
from mtbench.testing.checks import Checks

check = Checks(
    "head", head_tasks.check, head_outputs.check, head_gradients.check, head_modules.check
)
