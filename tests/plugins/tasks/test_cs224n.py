from pathlib import Path

import pytest

from mtbench.api import Split, Submission, UsageError
from mtbench.data.status import status
from mtbench_builtins.tasks.cfimdb import CFIMDB
from mtbench_builtins.tasks.cs224n import FileTask
from mtbench_builtins.tasks.quora import Quora
from mtbench_builtins.tasks.sst import SST
from mtbench_builtins.tasks.sts import STS

TASKS: dict[str, FileTask] = {"sst": SST(), "pd": Quora(), "sts": STS(), "cfimdb": CFIMDB()}

ROWS = {
    ("sst", "train"): 8_544,
    ("sst", "dev"): 1_101,
    ("sst", "test"): 2_210,
    ("pd", "train"): 40_601,
    ("pd", "dev"): 10_008,
    ("pd", "test"): 10_204,
    ("sts", "train"): 6_040,
    ("sts", "dev"): 863,
    ("sts", "test"): 1_725,
    ("cfimdb", "train"): 1_707,
    ("cfimdb", "dev"): 245,
    ("cfimdb", "test"): 488,
}
"""Rows of the files that were here when this was written: see the README of the data."""


DESCRIBED = {
    "sst": (
        (1, 5, "cross-entropy", 5, None, ("accuracy", "macro_f1")),
        {"train": 8_544, "dev": 1_101, "test": 2_210},
        Submission("sst", "Predicted_Sentiment"),
    ),
    "pd": (
        (2, 1, "binary-cross-entropy", 2, None, ("accuracy", "macro_f1")),
        {"train": 141_506, "dev": 20_215, "test": 40_431},
        Submission("para", "Predicted_Is_Paraphrase"),
    ),
    "sts": (
        (2, 1, "squared-error", None, (0.0, 5.0), ("pearson", "spearman")),
        {"train": 6_041, "dev": 864, "test": 1_726},
        Submission("sts", "Predicted_Similiary"),
    ),
    "cfimdb": (
        (1, 2, "cross-entropy", 2, None, ("accuracy", "macro_f1")),
        {"train": 1_701, "dev": 245, "test": 488},
        Submission("cfimdb", "Predicted_Sentiment"),
    ),
}
"""What the tasks are: the handout's sizes, and the leaderboard's names of submissions."""


@pytest.mark.parametrize("name", TASKS)
def test_what_a_task_is(name: str) -> None:
    info = TASKS[name].describe()
    target, sizes, submission = DESCRIBED[name]
    assert target == (
        *(info.sentences, info.outputs, info.loss),
        *(info.classes, info.score_range, info.metrics),
    )
    assert (info.published_sizes, info.submission) == (sizes, submission)


def test_every_row_of_the_real_files_is_read(cs224n: Path) -> None:
    found = status(TASKS, cs224n)

    assert {(one.task, one.split): one.rows for one in found} == ROWS
    assert not any(one.bad_rows or one.problem for one in found)


def test_real_texts(cs224n: Path) -> None:
    examples = TASKS["sst"].load("dev", cs224n)

    first = examples.ids.index("a7d575c9ed86ea9633660c67e")
    assert examples.texts[first] == (
        "It 's a lovely film with lovely performances by Buy and Accorsi .",
    )
    assert examples.labels is not None
    assert examples.labels[first] == 3


def test_real_quotes(cs224n: Path) -> None:
    examples = TASKS["pd"].load("test", cs224n)

    (question, _) = examples.texts[examples.ids.index("318658e273ac78f3b1e957b8b")]
    assert question.startswith('"Which is correct grammar: I graduated from University of XXXX or')


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder in the layout, with one row a file."""
    one = "\tid\tsentence\tsentiment\n0\ta\t x\t1\n"
    two = "\tid\tsentence1\tsentence2\t{}\n0\ta\tx\ty\t1.0\n"
    for split in ("train", "dev"):
        (tmp_path / f"ids-sst-{split}.csv").write_text(one)
        (tmp_path / f"ids-cfimdb-{split}.csv").write_text(one)
        (tmp_path / f"quora-{split}.csv").write_text(two.format("is_duplicate"))
        (tmp_path / f"sts-{split}.csv").write_text(two.format("similarity"))
    for stem in ("ids-sst", "ids-cfimdb"):
        student = "0\t\tid\tsentence\n1\t0.0\tb\t z\n"
        (tmp_path / f"{stem}-test-student.csv").write_text(student)
    for stem in ("quora", "sts"):
        student = "\tid\tsentence1\tsentence2\n1\tb\tz\tw\n"
        (tmp_path / f"{stem}-test-student.csv").write_text(student)
    return tmp_path


@pytest.mark.parametrize("name", TASKS)
def test_files_and_columns(folder: Path, name: str) -> None:
    task = TASKS[name]
    pair = task.describe().sentences == 2

    for split in ("train", "dev"):
        examples = task.load(split, folder)
        assert examples.texts == ((("x", "y") if pair else ("x",)),)
        assert examples.labels == (1,)
    test = task.load("test", folder)
    assert test.texts == ((("z", "w") if pair else ("z",)),)
    assert test.labels is None


def test_the_full_test_file_serves_where_the_students_is_absent(folder: Path) -> None:
    full = folder / "ids-sst-test.csv"
    full.write_text("\tid\tsentence\tsentiment\n0\tc\t full\t4\n")

    assert SST().load("test", folder).ids == ("b",)
    (folder / "ids-sst-test-student.csv").unlink()
    examples = SST().load("test", folder)
    assert (examples.ids, examples.labels) == (("c",), (4,))
    full.unlink()
    with pytest.raises(UsageError, match=r"no file ids-sst-test-student\.csv in"):
        SST().load("test", folder)


@pytest.mark.parametrize("name", TASKS)
def test_labels_out_of_range_are_bad_rows(folder: Path, name: str) -> None:
    task = TASKS[name]
    path = folder / f"{task.stem}-dev.csv"
    header, row = path.read_text().splitlines()
    fields = row.split("\t")
    bad_row = "\t".join(["1", "b", *fields[2:-1], "9"])
    path.write_text(f"{header}\n{row}\n{bad_row}\n")

    examples = task.load("dev", folder)

    assert examples.ids == ("a",)
    (bad,) = examples.bad_rows
    assert str(bad).startswith(f"{path.name}:3: its {task.label_column!r} is '9', no")


@pytest.mark.parametrize("split", ["train", "dev", "test"])
def test_without_a_folder_the_ways_to_name_one_are_said(split: Split) -> None:
    with pytest.raises(UsageError) as error:
        SST().load(split, None)

    for part in ("--data DIR", "data.dir in the matrix", "MTBENCH_DATA", "sample-sst"):
        assert part in str(error.value)
