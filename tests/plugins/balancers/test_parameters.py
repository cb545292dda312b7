import pytest
from pydantic import ValidationError

from mtbench_builtins.balancers.parameters import SingleParameters


def test_single_names_its_task():
    assert SingleParameters(task="sst").task == "sst"
    with pytest.raises(ValidationError, match="task"):
        SingleParameters()
