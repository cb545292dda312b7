import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from mtbench.components.registry import Registry
from mtbench.errors import PluginError, UsageError
from mtbench.matrix.configuration import overlay
from mtbench.matrix.designs import NamedCell
from mtbench.store import Store
from mtbench.study.plan import Plan, PlannedCell
from mtbench.study.planner import Planner
from mtbench.study.unchecked import unchecked
from mtbench_builtins.encoders.shipped import SHIPPED, TINY

Write = Callable[..., Any]

SCORES = ("accuracy", [0, 1, 1], [0, 1, 0])
SAMPLE = {"name": "sample-pd", "as": "pd", "train": 6, "dev": 4, "test": 4}


def write_reviews(folder: Path, word: str = "film") -> Path:
    """Write a table of reviews, and return its path for a matrix."""
    folder.mkdir(parents=True, exist_ok=True)
    for split in ("train", "dev"):
        rows = [f"{n},the {word} {n} {split},{n % 2}" for n in range(8)]
        (folder / f"{split}.csv").write_text("\n".join(["id,text,label", *rows]))
    return folder / "{split}.csv"


def reviews(path: Path) -> dict[str, Any]:
    return {
        "name": "table",
        "as": "reviews",
        "path": str(path),
        "id": "id",
        "text": ["text"],
        "target": "label",
        "classes": 2,
    }


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def base(tmp_path: Path) -> dict[str, Any]:
    """A cell of a table and a sample task, which needs no data."""
    return {"tasks": [reviews(write_reviews(tmp_path / "data")), SAMPLE], "train": {"epochs": 1}}


Planned = Callable[..., Plan]


@pytest.fixture
def planned(store: Store, base: dict[str, Any]) -> Planned:
    """Give a function that plans the base with these changes, a cell each, and two seeds."""

    def plan(*changes: Mapping[str, Any], stored_only: bool = True, plugins: Any = ()) -> Plan:
        cells = [NamedCell(f"cell {i}", overlay(base, each)) for i, each in enumerate(changes)]
        planner = Planner(Registry.load(plugins), store, stored_only=stored_only)
        return planner.plan("a study", cells, [0, 1])

    return plan


@pytest.fixture
def train(write_stored: Write) -> Callable[..., list[str]]:
    """Give a function that stores the runs of a planned cell, and returns their keys."""

    def write(
        planned: PlannedCell, /, *, seeds: tuple[int, ...] = (0, 1), **given: Any
    ) -> list[str]:
        asked = {"identity": planned.identity}
        scores = dict.fromkeys(planned.identity.config["tasks"], SCORES)
        runs = [run for run in planned.runs if run.seed in seeds]
        for run in runs:
            name = {"cell": planned.name, **given}
            write_stored(scores, key=run.key, seed=run.seed, request=asked, **name)
        return [run.key for run in runs]

    return write


def keys(cell: PlannedCell) -> list[str]:
    return [run.key for run in cell.runs]


def states(plan: Plan) -> list[list[str]]:
    return [[run.state for run in cell.runs] for cell in plan.cells]


def lose(tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "data")


# --- data that are not at hand ----------------------------------------------------------------


def test_runs_that_agree_in_all_else_are_taken(
    planned: Planned, train: Callable[..., list[str]], tmp_path: Path
) -> None:
    before = planned({})
    stored = train(before.cells[0], cell="another name", matrix="another title")
    lose(tmp_path)

    after = planned({})

    assert keys(after.cells[0]) == stored
    assert states(after) == [["done", "done"]]
    assert after.cells[0].identity == before.cells[0].identity
    assert unchecked(after.cells) == [
        f"the data of reviews were not checked: train.csv is looked for in {tmp_path / 'data'}, "
        "which is no folder"
    ]


def test_data_that_are_there_are_checked(
    planned: Planned, train: Callable[..., list[str]], tmp_path: Path
) -> None:
    train(planned({}).cells[0])
    assert unchecked(planned({}).cells) == []
    write_reviews(tmp_path / "data", "play")

    assert states(planned({})) == [["missing", "missing"]]
    assert unchecked(planned({}).cells) == []


def test_the_tasks_whose_data_are_there_still_count(
    planned: Planned, train: Callable[..., list[str]], tmp_path: Path
) -> None:
    train(planned({}).cells[0])
    lose(tmp_path)

    with pytest.raises(UsageError, match=r"train\.csv is looked for"):
        planned({"tasks": [reviews(tmp_path / "data" / "{split}.csv"), {**SAMPLE, "train": 8}]})


def test_what_trains_takes_none(
    planned: Planned, train: Callable[..., list[str]], tmp_path: Path
) -> None:
    train(planned({}).cells[0])
    lose(tmp_path)

    with pytest.raises(UsageError) as error:
        planned({}, stored_only=False)

    assert str(error.value) == (
        f"cell 'cell 0': train.csv is looked for in {tmp_path / 'data'}, which is no folder; "
        "'mtbench leaderboard' shows what is stored without them"
    )


def test_a_checkpoint_that_is_not_there_is_no_matter_of_the_data(
    planned: Planned, train: Callable[..., list[str]], tmp_path: Path
) -> None:
    folder = shutil.copytree(SHIPPED[TINY], tmp_path / "bert")
    bert = {"encoder": {"name": "minbert", "checkpoint": str(folder)}}
    train(planned(bert).cells[0])
    (folder / "model.safetensors").write_text(POINTER)

    for stored_only in (True, False):
        with pytest.raises(UsageError, match=r"a Git LFS pointer, .* 'git lfs pull' fetches it$"):
            planned(bert, stored_only=stored_only)


def test_a_cell_that_was_not_trained_is_missing_beside_one_that_was(
    planned: Planned, train: Callable[..., list[str]], tmp_path: Path
) -> None:
    train(planned({}).cells[0], seeds=(1,))
    lose(tmp_path)

    assert states(planned({}, {"combiner": "pcgrad"})) == [["missing", "done"], ["missing"] * 2]


def test_where_nothing_is_stored_the_data_are_the_error(planned: Planned, tmp_path: Path) -> None:
    lose(tmp_path)

    with pytest.raises(UsageError, match=r"^cell 'cell 0': train\.csv is looked for[^;]*$"):
        planned({})


def test_the_error_tells_in_what_else_a_stored_run_differs(
    planned: Planned, train: Callable[..., list[str]], tmp_path: Path
) -> None:
    first, _ = train(planned({}).cells[0])
    lose(tmp_path)

    with pytest.raises(UsageError) as error:
        planned({"train.lr": 0.5})

    assert str(error.value).endswith(
        f"; the stored run {first[:12]} of 'cell 0' differs in config.train.lr"
    )


# --- more than one choice ---------------------------------------------------------------------


def test_of_two_versions_none_is_taken(
    planned: Planned, train: Callable[..., list[str]], tmp_path: Path
) -> None:
    older = train(planned({}).cells[0])
    write_reviews(tmp_path / "data", "play")
    newer = train(planned({}).cells[0], seeds=(0,), matrix="another study")
    lose(tmp_path)

    plan = planned({})

    assert states(plan) == [["missing", "missing"]]
    assert keys(plan.cells[0]) == ["", ""]
    _, told = unchecked(plan.cells)
    assert told.startswith(
        "cell 0: stored runs of 2 versions of the data of reviews fit, and these are not there "
        "to tell: none is taken (run "
    )
    assert told.endswith("; put the data in their place, or give --data DIR")
    assert any(f"run {key[:12]} of 'cell 0' in 'a study', ended 20" in told for key in older)
    assert f"run {newer[0][:12]} of 'cell 0' in 'another study', ended 20" in told


def test_cells_that_were_trained_on_two_versions_stand_in_no_table_together(
    planned: Planned, train: Callable[..., list[str]], tmp_path: Path
) -> None:
    """Each alone fits one version, and their difference would be the data's as well."""
    both: tuple[Mapping[str, Any], ...] = ({}, {"combiner": "pcgrad"})
    older = train(planned(*both).cells[0])
    write_reviews(tmp_path / "data", "play")
    newer = train(planned(*both).cells[1])
    lose(tmp_path)

    plan = planned(*both)

    assert states(plan) == [["missing", "missing"]] * 2
    for cell in plan.cells:
        assert cell.dispute.startswith("stored runs of 2 versions of the data of reviews fit")
        assert f"run {older[1][:12]} of 'cell 0'" in cell.dispute
        assert f"run {newer[1][:12]} of 'cell 1'" in cell.dispute


def test_a_version_of_other_seeds_is_no_choice(
    planned: Planned,
    train: Callable[..., list[str]],
    base: dict[str, Any],
    store: Store,
    tmp_path: Path,
) -> None:
    stored = train(planned({}).cells[0])
    write_reviews(tmp_path / "data", "play")
    cells = [NamedCell("cell 0", base)]
    train(Planner(Registry.load(), store).plan("a study", cells, [7]).cells[0], seeds=(7,))
    lose(tmp_path)

    assert keys(planned({}).cells[0]) == stored


def test_cells_that_differ_in_where_their_data_lie_take_no_run_of_each_other(
    planned: Planned, train: Callable[..., list[str]], tmp_path: Path
) -> None:
    """One of them alone was trained: its scores are not the other's."""
    other = {"tasks": [reviews(write_reviews(tmp_path / "other", "play")), SAMPLE]}
    train(planned({}).cells[0])
    lose(tmp_path)

    shutil.rmtree(tmp_path / "other")
    plan = planned({}, other)

    assert states(plan) == [["missing", "missing"]] * 2
    assert [key for cell in plan.cells for key in keys(cell)] == [""] * 4
    assert plan.counts()["runs"] == 4  # though nothing tells them apart
    assert [
        "2 cells differ in nothing but where the data of reviews lie" in told
        for told in unchecked(plan.cells)[1:]
    ] == [True, True]


def test_a_cell_that_is_asked_for_alone_takes_no_run_of_another(
    base: dict[str, Any], store: Store, train: Callable[..., list[str]], tmp_path: Path
) -> None:
    """As ``-k`` asks for it, and ``compare`` for one cell."""
    other = {"tasks": [reviews(write_reviews(tmp_path / "other", "play")), SAMPLE]}
    broken = {"encoder": "nobody"}
    named = {"first": {}, "second": other, "third": broken}
    cells = [NamedCell(name, overlay(base, changes)) for name, changes in named.items()]

    def planned() -> Plan:
        planner = Planner(Registry.load(), store, stored_only=True)
        return planner.plan("a study", cells[1:2], [0, 1], beside=cells)

    of_first = Planner(Registry.load(), store).plan("a study", cells[:1], [0, 1])
    train(of_first.cells[0])
    shutil.rmtree(tmp_path / "other")
    with pytest.raises(UsageError, match=r"^cell 'second': train\.csv is looked for"):
        planned()
    lose(tmp_path)

    assert states(planned()) == [["missing", "missing"]]
    assert "2 cells differ in nothing but where" in planned().cells[0].dispute


def test_a_run_of_a_cell_that_was_checked_is_no_other_cells(
    planned: Planned, train: Callable[..., list[str]], tmp_path: Path
) -> None:
    other = {"tasks": [reviews(write_reviews(tmp_path / "other", "play")), SAMPLE]}
    of_other = train(planned({}, other).cells[1])
    lose(tmp_path)

    with pytest.raises(UsageError, match=r"train\.csv is looked for"):
        planned({}, other)
    assert keys(planned(other).cells[0]) == of_other


def test_what_was_not_checked_is_said_once() -> None:
    unread = [{"sst": "no sst-train.csv", "pd": "no pd-train.csv"}, {"sst": "no sst-train.csv"}]
    cells = [
        PlannedCell(NamedCell(f"cell {n}", {}), None, [], unread=absences)
        for n, absences in enumerate(unread)
    ]

    assert unchecked(cells) == [
        "the data of sst, pd were not checked: no sst-train.csv; and 1 more ('mtbench data status "
        "MATRIX' tells all)"
    ]


def test_of_many_disputes_the_first_are_told() -> None:
    cells = [
        PlannedCell(NamedCell(f"cell {n}", {}), None, [], dispute="which?") for n in range(12)
    ]

    told = unchecked(cells)

    assert told[0] == "cell 0: which?"
    assert (len(told), told[-1]) == (11, "2 more cells: likewise")


# --- what is not there, and what is broken ----------------------------------------------------

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 1000\n"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("train.csv", "no file train.csv in"),
        ("dev.csv", "no file dev.csv in"),
        ("pointer", "a Git LFS pointer, not the table"),
    ],
)
def test_part_of_the_data_is_not_there(
    planned: Planned,
    train: Callable[..., list[str]],
    tmp_path: Path,
    name: str,
    told: str,
) -> None:
    stored = train(planned({}).cells[0])
    if name == "pointer":
        (tmp_path / "data" / "dev.csv").write_text(POINTER)
    else:
        (tmp_path / "data" / name).unlink()

    plan = planned({})

    assert keys(plan.cells[0]) == stored
    assert told in unchecked(plan.cells)[0]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "is empty"),
        ("id,words,label\n1,a film,0\n", "has no column 'text'"),
        ("id,text,label\n1,a film,1\n2,a play,2\n3,an act,2\n", "no row of dev is of class 0"),
        ("id,text,label\n", "its dev split is empty"),
        ("id,text,label\n1,caf\xe9,0\n", "is not UTF-8"),
    ],
    ids=["empty", "column", "labels", "no rows", "encoding"],
)
def test_broken_data_are_an_error(
    planned: Planned,
    train: Callable[..., list[str]],
    tmp_path: Path,
    content: str,
    told: str,
) -> None:
    train(planned({}).cells[0])
    (tmp_path / "data" / "dev.csv").write_bytes(content.encode("latin-1"))

    with pytest.raises(UsageError, match=told):
        planned({})


STRANGER = """
from pathlib import Path

from mtbench.api import Examples, TaskInfo, TaskSpec, hookimpl

HERE = Path(__file__).with_name("rows.txt")


class Odd:
    def __init__(self, parameters):
        pass

    def describe(self):
        return TaskInfo(
            sentences=1, loss="cross-entropy", metrics=("accuracy",), classes=2
        )

    def load(self, split, folder, *, with_labels=True):
        READ
        ids = tuple(f"{split}-{n}" for n in range(4))
        return Examples(ids, tuple((name,) for name in ids), (0.0, 1.0, 0.0, 1.0))


@hookimpl
def mtbench_tasks():
    return [TaskSpec(name="odd", summary="", target=Odd)]
"""


@pytest.fixture
def stranger(tmp_path: Path, new_modules: None) -> Callable[[str], Path]:
    """Give a function that writes a task that reads ``rows.txt`` in its own way."""

    def write(read: str) -> Path:
        (tmp_path / "rows.txt").write_text("rows")
        file = tmp_path / "odd_task.py"
        file.write_text(STRANGER.replace("READ", read))
        return file

    return write


@pytest.mark.parametrize(
    "read",
    [
        "HERE.read_text()",
        "if not HERE.exists(): import parquet_of_nobody",
    ],
    ids=["file", "package"],
)
def test_a_strangers_task_says_it_as_python_does(
    planned: Planned,
    train: Callable[..., list[str]],
    stranger: Callable[[str], Path],
    tmp_path: Path,
    read: str,
) -> None:
    odd = {"tasks": ["odd"]}
    files = [stranger(read)]
    stored = train(planned(odd, plugins=files).cells[0])
    (tmp_path / "rows.txt").unlink()

    plan = planned(odd, plugins=files)

    assert keys(plan.cells[0]) == stored
    (told,) = unchecked(plan.cells)
    assert told.startswith("the data of odd were not checked: task 'odd' of odd_task.py: load")
    with pytest.raises(PluginError, match="load raised"):
        planned(odd, plugins=files, stored_only=False)


def test_a_strangers_task_that_breaks_is_broken(
    planned: Planned,
    train: Callable[..., list[str]],
    stranger: Callable[[str], Path],
    tmp_path: Path,
) -> None:
    odd = {"tasks": ["odd"]}
    files = [stranger("int(HERE.read_text() if HERE.stat().st_size < 3 else 1)")]
    train(planned(odd, plugins=files).cells[0])
    (tmp_path / "rows.txt").write_text("x")

    with pytest.raises(PluginError, match="ValueError"):
        planned(odd, plugins=files)
