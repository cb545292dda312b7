"""Solvers: one that is missing is an error when the plan is made."""

import pytest

from mtbench.api import UsageError
from mtbench.testing import combine
from mtbench_torchjd import solvers


@pytest.fixture
def absent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no solver be installed."""
    monkeypatch.setattr(solvers, "find_spec", lambda name: None)


@pytest.mark.parametrize(
    ("method", "packages"),
    [
        ("upgrad", "qpsolvers and quadprog"),
        ("dualproj", "qpsolvers and quadprog"),
        ("cagrad", "cvxpy and clarabel"),
        ("nash-mtl", "cvxpy and ecos"),
    ],
)
def test_a_missing_solver_is_named_with_its_extra(
    method: str, packages: str, absent: None
) -> None:
    message = (
        f"combiner torchjd-{method}: it needs {packages}, which are not installed: "
        f"pip install 'mtl-bench-torchjd[{method}]'"
    )
    with pytest.raises(UsageError) as caught:
        combine(f"torchjd-{method}", [[1.0]])
    assert str(caught.value) == message


def test_one_of_two_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    there = solvers.find_spec
    monkeypatch.setattr(
        solvers, "find_spec", lambda name: None if name == "quadprog" else there(name)
    )
    with pytest.raises(ValueError, match=r"^it needs quadprog, which is not installed: pip"):
        solvers.require(["imtl-g", "upgrad"])


def test_cr_mogm_needs_what_it_smooths_needs(absent: None) -> None:
    assert combine("torchjd-cr-mogm", [[1.0]], of="mgda").tolist() == [1]
    with pytest.raises(UsageError, match=r"mtl-bench-torchjd\[cagrad\]"):
        combine("torchjd-cr-mogm", [[1.0]], of="cagrad")


@pytest.mark.parametrize("method", ["mgda", "imtl-g", "fairgrad", "aligned-mtl", "pcgrad"])
def test_the_others_need_none(method: str, absent: None) -> None:
    assert combine(f"torchjd-{method}", [[1.0]]).tolist() == pytest.approx([1])
