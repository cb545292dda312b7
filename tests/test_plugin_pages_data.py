"""The pages for authors of balancers, tasks and encoders: their examples work and are sound."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mtbench.components.registry import Registry
from mtbench.runs.runner import execute
from mtbench.specs import BalancerSpec, EncoderSpec, TaskSpec
from mtbench.study.setup import Setup
from mtbench.study.study import Session
from mtbench.testing.checks import Subject
from mtbench.testing.conformance import CHECKS, Examination

PAGES = Path(__file__).parents[1] / "docs" / "plugins"
FILES = {"balancer": "my_balancer.py", "task": "my_task.py", "encoder": "my_encoder.py"}
NAMES = {"balancer": "interleaved", "task": "headlines", "encoder": "hashed"}
SPECS = {"balancer": BalancerSpec, "task": TaskSpec, "encoder": EncoderSpec}


def text_of(kind: str) -> str:
    return (PAGES / f"{kind}.md").read_text(encoding="utf-8")


def blocks(kind: str, language: str) -> list[str]:
    """Return the fenced blocks of one language of a page."""
    found = re.findall(rf"^```{language}\n(.*?)^```$", text_of(kind), re.DOTALL | re.MULTILINE)
    return list(found)


@pytest.fixture
def example(tmp_path: Path, new_modules: None) -> Callable[[str], Path]:
    """Give a function that writes a page's example to the file that the page names."""

    def write(kind: str) -> Path:
        file = tmp_path / FILES[kind]
        assert f"Save this as `{file.name}`" in text_of(kind)
        file.write_text(blocks(kind, "python")[0], encoding="utf-8")
        return file

    return write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Data of the task on its page: the rows that stand there, and some more."""
    made = tmp_path / "data"
    made.mkdir()
    header, *rows = blocks("task", "text")[-1].splitlines()
    for split in ("train", "dev", "test"):
        more = [f'{split}-{place:02},"Headline {place}, again",{place % 4}' for place in range(12)]
        content = [header, *(rows if split == "train" else []), *more]
        (made / f"headlines-{split}.csv").write_text("\n".join(content) + "\n", encoding="utf-8")
    return made


@pytest.mark.parametrize("kind", FILES)
def test_the_example_passes_the_kit(
    example: Callable[[str], Path], folder: Path, kind: str
) -> None:
    entry = Registry.load([example(kind)]).find(kind, NAMES[kind])
    outcomes = list(Examination(Subject.of(entry, folder=folder if kind == "task" else None)))
    assert len(outcomes) == len(CHECKS[kind])
    assert [f"{o.check.name}: {o.message}" for o in outcomes if o.status == "failed"] == []
    assert not entry.spec.expected_failures


@pytest.mark.parametrize("kind", FILES)
def test_the_page_lists_the_checks(kind: str) -> None:
    section = text_of(kind).partition("## The checks\n")[2]
    rows = re.findall(r"^\| `([a-z0-9-]+)` \| (.+) \|$", section, re.MULTILINE)
    assert rows == [(check.name, check.meaning) for check in CHECKS[kind]]


@pytest.mark.parametrize("kind", FILES)
def test_the_page_tells_of_every_promise(kind: str) -> None:
    missing = [
        promise
        for promise, meaning in SPECS[kind].PROMISES.items()
        if f"| `{promise}` | {meaning} |" not in text_of(kind)
    ]
    assert missing == []


@pytest.mark.parametrize("kind", FILES)
def test_the_test_of_the_page_runs(
    example: Callable[[str], Path],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    kind: str,
) -> None:
    example(kind)
    monkeypatch.chdir(tmp_path)
    scope: dict[str, Any] = {}
    exec(compile(blocks(kind, "python")[1], f"{kind}.md", "exec"), scope)
    (mark,) = scope["test_conformance"].pytestmark
    cases = {case.id: case.values[0] for case in mark.args[1]}
    first = CHECKS[kind][0].name
    cases[f"{kind}:{NAMES[kind]}-{first}"]()
    assert len(cases) >= 9


def plan(tmp_path: Path, files: list[Path], base: str, **given: Any) -> Any:
    matrix = tmp_path / "matrix.toml"
    matrix.write_text(f"seeds = 1\n[base]\n{base}", encoding="utf-8")
    setup = Setup(matrix, store=tmp_path / "store", device="cpu", plugins=files, **given)
    return Session(setup).plan()


def test_the_balancer_stands_in_a_plan(example: Callable[[str], Path], tmp_path: Path) -> None:
    made = plan(
        tmp_path,
        [example("balancer")],
        """
        tasks = ["sample-sst", "sample-sts"]
        [axes]
        balancer = ["interleaved", { name = "interleaved", group = 3 }]
        """,
    )
    assert [cell.rejection for cell in made.cells] == [
        None,
        "balancer (interleaved): a step of 3 tasks needs as many; the cell has 2",
    ]


def test_the_steps_of_the_balancer(example: Callable[[str], Path]) -> None:
    import random

    entry = Registry.load([example("balancer")]).find("balancer", "interleaved")
    assert callable(entry.spec.target)
    assert callable(entry.spec.parameters)
    balancer = entry.spec.target(entry.spec.parameters())
    steps = balancer.steps({"a": 4, "b": 3}, {"a": 1, "b": 2}, 0.0, random.Random(0))
    # After each step, what is left: a 3/4 b 1; b 1/3; a 2/4; a 1/4; then b, whose third is more.
    assert list(steps) == [{"a": 1}, {"b": 2}, {"a": 1}, {"a": 1}, {"b": 1}, {"a": 1}]


def test_the_task_stands_in_a_plan(
    example: Callable[[str], Path], tmp_path: Path, folder: Path
) -> None:
    base = f'tasks = ["headlines", "sample-sts"]\ndata = {{ dir = "{folder.as_posix()}" }}\n'
    made = plan(tmp_path, [example("task")], base)
    assert [cell.rejection for cell in made.cells] == [None]


def test_the_task_reads_the_rows_of_the_page(example: Callable[[str], Path], folder: Path) -> None:
    entry = Registry.load([example("task")]).find("task", "headlines")
    assert callable(entry.spec.target)
    examples = entry.spec.target(None).load("train", folder)
    first = examples.ids.index("h-0001")
    assert examples.texts[first] == ("Storm closes harbour for a second day",)
    assert examples.labels[first : first + 2] == (0, 2)
    assert not examples.bad_rows


def test_the_encoder_is_trained(
    example: Callable[[str], Path], request_run: Callable[..., Any]
) -> None:
    changes = {
        "encoder": {"name": "hashed", "width": 16},
        "combiner": "pcgrad",
        "train.lr": 3e-2,
        "train.steps": 200,
    }
    folder = request_run(changes, plugins=[example("encoder")])
    execute(folder, [example("encoder")])
    scores = folder.result().scores
    assert list(scores.dev) == ["sst", "pd", "sts"]
    # Of 24 sentences whose most frequent class makes up a third at most.
    assert (scores.train["sst"]["accuracy"] or 0) > 0.8
