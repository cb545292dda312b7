import subprocess
import sys

import pytest

from mtbench.parameters import Parameters
from mtbench.specs import resolve
from mtbench_builtins.balancers import mtbench_balancers


def test_names():
    assert [spec.name for spec in mtbench_balancers()] == [
        "single",
        "round-robin",
        "cycle",
        "uniform",
        "proportional",
        "temperature",
        "annealed",
    ]


@pytest.mark.parametrize("spec", mtbench_balancers(), ids=lambda spec: spec.name)
def test_every_target_can_be_made(spec):
    parameters = resolve(spec.parameters)(**spec.example) if spec.parameters else Parameters()
    assert callable(resolve(spec.target)(parameters).steps)


def test_balancers_are_pure_python():
    code = (
        "import sys; from mtbench_builtins.balancers import mtbench_balancers; "
        "from mtbench.specs import resolve; "
        "[resolve(spec.target) for spec in mtbench_balancers()]; "
        "assert not {'torch', 'numpy', 'pydantic'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
