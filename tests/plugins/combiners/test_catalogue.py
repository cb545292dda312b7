import subprocess
import sys

import pytest

from mtbench.parameters import Parameters
from mtbench.specs import resolve
from mtbench_builtins.combiners import mtbench_combiners


def test_names_and_needs():
    needs = {spec.name: spec.needs for spec in mtbench_combiners()}
    assert needs == {"sum": "losses", "pcgrad": "gramian"}


@pytest.mark.parametrize("spec", mtbench_combiners(), ids=lambda spec: spec.name)
def test_every_target_can_be_made_from_its_defaults(spec):
    assert callable(resolve(spec.target)(Parameters()).combine)


def test_listing_imports_nothing_heavy():
    code = (
        "import sys, mtbench_builtins.combiners; "
        "assert not {'torch', 'pydantic'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
