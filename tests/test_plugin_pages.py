"""The pages for plugin authors: their components pass the kit, their lists are complete."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from mtbench.cli.scaffold import write_study
from mtbench.components.registry import Registry
from mtbench.study.setup import Setup
from mtbench.study.study import Session
from mtbench.testing.checks import Subject
from mtbench.testing.conformance import CHECKS, Examination

PAGES = Path(__file__).parents[1] / "docs" / "plugins"


class Example(NamedTuple):
    """The whole component of a page, and how it is put into the small study.

    Attributes:
        others: parameters with which it must pass the kit as well.
        axis: the key it is set at, and its values.
    """

    kind: str
    name: str
    file: str
    others: dict[str, object]
    axis: tuple[str, list[object]]


EXAMPLES = [
    Example(
        "head",
        "distance",
        "my_distance.py",
        {"norm": "l1"},
        ("heads.sample-sts", ["distance", {"name": "distance", "norm": "l1"}]),
    ),
    Example(
        "combiner",
        "steady",
        "my_steady.py",
        {"decay": 0.0},
        ("combiner", ["steady", {"name": "steady", "decay": 0.0}]),
    ),
]

of_each = pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.kind)


def text_of(kind: str) -> str:
    return (PAGES / f"{kind}.md").read_text(encoding="utf-8")


def blocks(kind: str) -> list[str]:
    """Return the Python blocks of a page; the first one is the whole component."""
    return re.findall(r"^```python\n(.*?)^```$", text_of(kind), re.DOTALL | re.MULTILINE)


@pytest.fixture
def folder(tmp_path: Path, new_modules: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Work in an empty folder, with the components of all pages."""
    monkeypatch.chdir(tmp_path)
    for example in EXAMPLES:
        (tmp_path / example.file).write_text(blocks(example.kind)[0], encoding="utf-8")
    yield tmp_path
    for example in EXAMPLES:
        sys.modules.pop(Path(example.file).stem, None)


def registry_with(example: Example) -> Registry:
    registry = Registry.load([Path(example.file)])
    assert not registry.problems
    return registry


@of_each
def test_the_example_passes_the_kit(folder: Path, example: Example) -> None:
    entry = registry_with(example).find(example.kind, example.name)
    for parameters in ({}, example.others):
        outcomes = list(Examination(Subject.of(entry, **parameters)))
        assert [o for o in outcomes if o.status not in ("passed", "not applicable")] == []
        assert len([o for o in outcomes if o.status == "passed"]) >= 10


@of_each
def test_the_example_stands_in_a_plan(folder: Path, example: Example) -> None:
    key, values = example.axis
    study = write_study(folder)
    setup = Setup(study, store=folder / "store", device="cpu", axes={key: values})
    plan = Session(setup, registry_with(example)).plan()
    assert plan.cells
    assert {cell.rejection for cell in plan.cells} == {None}


@of_each
def test_the_commands_of_the_page_name_the_example(example: Example) -> None:
    text = text_of(example.kind)
    assert f"Save it as `{example.file}`" in text
    assert f"mtbench plugins check {example.name} --plugin {example.file}" in text


def test_the_head_of_the_page_refuses_what_it_cannot_score(folder: Path) -> None:
    setup = Setup(
        write_study(folder),
        store=folder / "store",
        device="cpu",
        axes={"heads.sample-pd": ["distance"]},
        set={"heads.sample-sts": {"name": "distance", "pair": "joined"}},
    )
    plan = Session(setup, registry_with(EXAMPLES[0])).plan()
    reasons = {cell.rejection for cell in plan.cells}
    assert len(reasons) == 1
    assert "heads.sample-pd (distance): it predicts a score" in str(reasons)


@of_each
def test_the_other_blocks_of_the_page_run(folder: Path, example: Example) -> None:
    _, *others = blocks(example.kind)
    assert others
    for block in others:
        exec(compile(block, f"{example.kind}.md", "exec"), {})


@of_each
def test_the_checks_of_the_page_are_those_of_the_kit(example: Example) -> None:
    rows = re.findall(r"^\| `([a-z0-9-]+)` \| (.+) \|$", text_of(example.kind), re.MULTILINE)
    listed = rows[-len(CHECKS[example.kind]) :]
    assert listed == [(check.name, check.meaning) for check in CHECKS[example.kind]]
