"""Parameters: a user's mistake is one line when the plan is made."""

import re
from typing import Any

import pytest

from mtbench.api import UsageError
from mtbench.testing import combine


@pytest.mark.parametrize(
    ("method", "given", "message"),
    [
        ("mgda", {"epsilon": 0.0}, "epsilon: input should be greater than 0 (given: 0.0)"),
        ("mgda", {"iterations": 3}, "unknown key 'iterations'"),
        ("imtl-g", {"c": 1.0}, "unknown key 'c' (it takes no parameters)"),
        ("aligned-mtl", {"scale_mode": "max"}, "scale_mode: "),
        ("aligned-mtl", {"preference": {"0": -1.0}}, "preference.0: "),
        ("graddrop", {"leak": {"0": 1.5}}, "leak.0: "),
        ("pcd", {"beta": 1.0}, "beta: input should be less than 1"),
        ("pcd", {"tau": {"0": 2.0}}, "tau"),
        ("krum", {"n_selected": 0}, "n_selected: "),
        ("cr-mogm", {"of": "fairgrad"}, "of: "),
    ],
)
def test_a_mistake_is_one_line(method: str, given: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=f"^combiner torchjd-{method}: {re.escape(message)}") as e:
        combine(f"torchjd-{method}", [[1.0]], **given)
    assert "\n" not in str(e.value)


@pytest.mark.parametrize("method", ["sum", "krum", "trimmed-mean", "constant", "pcd", "fairgrad"])
def test_every_parameter_has_a_default(method: str) -> None:
    assert combine(f"torchjd-{method}", [[2.0]]).tolist() == pytest.approx(
        [1 if method == "fairgrad" else 2]
    )
