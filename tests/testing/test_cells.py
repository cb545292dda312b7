import pytest

from mtbench.components.registry import Registry
from mtbench.testing.cells import ordinary_cell, require_reason
from mtbench.testing.checks import CheckFailed, Subject


def subject(kind: str, name: str) -> Subject:
    return Subject.of(Registry.load().find(kind, name))


def test_a_component_stands_in_its_place() -> None:
    cell = ordinary_cell(subject("balancer", "single"))
    assert (cell.balancer.name, cell.balancer.parameters) == ("single", {"task": "sst"})
    assert list(cell.tasks) == list(cell.heads) == ["sst", "pd", "sts"]
    assert cell.train["batch_size"] == 8
    heads = ordinary_cell(subject("head", "cosine")).heads
    assert {head.name for head in heads.values()} == {"cosine"}


@pytest.mark.parametrize("given", [None, "it has no pair"])
def test_a_reason(given: object) -> None:
    require_reason(given, "rejects")


@pytest.mark.parametrize("given", ["", " ", "two\nlines", True, 3])
def test_no_reason(given: object) -> None:
    with pytest.raises(CheckFailed, match="expected rejects to give a reason in one line"):
        require_reason(given, "rejects")
