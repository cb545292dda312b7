import subprocess
import sys

import pytest

from mtbench.components.entries import parameter_model
from mtbench.components.registry import Registry
from mtbench.specs import resolve
from mtbench_builtins.combiners import mtbench_combiners


def test_names_and_needs():
    needs = {spec.name: spec.needs for spec in mtbench_combiners()}
    assert needs == {
        "sum": "losses",
        "pcgrad": "gramian",
        "gradvac": "gramian",
        "cagrad": "gramian",
        "mgda": "gramian",
        "imtl-g": "gramian",
        "graddrop": "jacobian",
        "uncertainty": "losses",
        "dwa": "losses",
        "rlw": "losses",
        "famo": "losses",
    }


def test_one_of_them_observes():
    assert [spec.name for spec in mtbench_combiners() if spec.observes] == ["famo"]


@pytest.mark.parametrize("spec", mtbench_combiners(), ids=lambda spec: spec.name)
def test_every_target_can_be_made_from_its_defaults(spec):
    parameters = parameter_model(Registry.load().find("combiner", spec.name))()
    made = resolve(spec.target)(parameters)
    assert callable(made.combine)
    assert hasattr(made, "observe") == spec.observes
    assert hasattr(made, "state_dict") == hasattr(made, "load_state_dict")


def test_listing_imports_nothing_heavy():
    code = (
        "import sys, mtbench_builtins.combiners; "
        "assert not {'torch', 'pydantic', 'scipy', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
