from collections.abc import Callable
from pathlib import Path

import pytest

from mtbench.data import ClassBalance, ScoreBalance, SplitStatus, status
from mtbench.data_tables import (
    LISTED,
    bad_row_records,
    default_tasks,
    doubtful_row_records,
    split_records,
    tasks_of,
    unreadable,
)
from mtbench.errors import PluginError, UsageError
from mtbench.protocols import BadRow, Submission
from mtbench.registry import Registry

Install = Callable[..., Path]

TRAIN = SplitStatus(
    task="sst",
    split="train",
    published=8544,
    rows=8500,
    balance=ClassBalance((0.25, 0.75)),
    fingerprint="0123456789abcdef",
    layout="CS224N",
    bad_rows=(BadRow("sst.csv", 7, "its label is empty"),),
)
DEV = SplitStatus(
    task="sst",
    split="dev",
    published=1000,
    rows=1101,
    balance=ScoreBalance(2.345, 1.5, (1.0, 2.25, 4.0)),
    fingerprint="f" * 64,
)
UNKNOWN = SplitStatus(task="mine", split="test", published=None, rows=3, fingerprint="a" * 64)
MISSING = [
    SplitStatus(task="pd", split=split, published=1, problem="no folder")
    for split in ("train", "dev")
]


def test_split_records() -> None:
    assert split_records([TRAIN, *MISSING, DEV, UNKNOWN]) == [
        {
            "task": "sst",
            "split": "train",
            "rows": "8500",
            "published": "8544",
            "difference": "-44",
            "labels": "0:25.0% 1:75.0%",
            "left out": "1",
            "fingerprint": "0123456789ab",
            "layout": "CS224N",
        },
        {
            "task": "sst",
            "split": "dev",
            "rows": "1101",
            "published": "1000",
            "difference": "+101",
            "labels": "mean 2.35, sd 1.50, quartiles 1.0 2.2 4.0",
            "left out": "0",
            "fingerprint": "f" * 12,
            "layout": "-",
        },
        {
            "task": "mine",
            "split": "test",
            "rows": "3",
            "published": "-",
            "difference": "-",
            "labels": "-",
            "left out": "0",
            "fingerprint": "a" * 12,
            "layout": "-",
        },
    ]


def test_bad_rows_are_listed_up_to_a_number() -> None:
    many = tuple(BadRow("pd.csv", line, "empty") for line in range(LISTED + 5))
    split = SplitStatus(task="pd", split="train", published=None, rows=9, bad_rows=many)

    records = bad_row_records([TRAIN, split])

    assert records[0] == {"file": "sst.csv", "line": "7", "reason": "its label is empty"}
    assert len(records) == 1 + LISTED
    assert records[-1]["line"] == str(LISTED - 1)
    assert split_records([split])[0]["left out"] == str(LISTED + 5)


def test_rows_in_doubt_are_listed_up_to_a_number() -> None:
    rows = tuple(BadRow("pd.csv", line, "it may be two") for line in range(LISTED + 5))
    split = SplitStatus(task="pd", split="train", published=None, rows=99, doubtful_rows=rows)

    records = doubtful_row_records([TRAIN, split])

    assert records[0] == {"file": "pd.csv", "line": "0", "reason": "it may be two"}
    assert len(records) == LISTED


def test_unreadable_splits_are_joined_by_their_reason() -> None:
    other = SplitStatus(task="pd", split="test", published=1, problem="no column")

    assert unreadable([*MISSING, TRAIN, other]) == [
        {"task": "pd", "splits": "train, dev", "reason": "no folder"},
        {"task": "pd", "splits": "test", "reason": "no column"},
    ]


def test_the_built_in_tasks_without_a_folder() -> None:
    tasks = default_tasks(Registry.load())

    assert list(tasks) == [
        "sst",
        "pd",
        "sts",
        "cfimdb",
        "sample-sst",
        "sample-pd",
        "sample-sts",
    ]
    statuses = status({name: tasks[name] for name in ("sst", "sample-sts")}, None)
    assert [(r["task"], r["split"], r["rows"]) for r in split_records(statuses)] == [
        ("sample-sts", "train", "480"),
        ("sample-sts", "dev", "300"),
        ("sample-sts", "test", "300"),
    ]
    assert [record["splits"] for record in unreadable(statuses)] == ["train, dev, test"]


def test_the_real_data(cs224n: Path) -> None:
    tasks = default_tasks(Registry.load())

    records = split_records(status({"sst": tasks["sst"], "sts": tasks["sts"]}, cs224n))

    assert [(r["task"], r["split"], r["rows"], r["difference"]) for r in records] == [
        ("sst", "train", "8544", "+0"),
        ("sst", "dev", "1101", "+0"),
        ("sst", "test", "2210", "+0"),
        ("sts", "train", "6040", "-1"),
        ("sts", "dev", "863", "-1"),
        ("sts", "test", "1725", "-1"),
    ]


PLUGIN = """
from mtbench.api import Parameters, TaskSpec, hookimpl


class File(Parameters):
    file: str


class Task:
    def __init__(self, parameters):
        self.parameters = parameters


@hookimpl
def mtbench_tasks():
    return [
        TaskSpec(name="sst", summary="", target=Task),
        TaskSpec(name="from-file", summary="", target=Task, parameters=File),
        TaskSpec(name="mine", summary="", target="TARGET"),
    ]
"""


def test_tasks_of_plugins(install: Install) -> None:
    """One that must be told something is left out; of two with one name both are there."""
    install("fake", PLUGIN.replace("TARGET", "fake:Task"))

    tasks = default_tasks(Registry.load())

    assert type(tasks["fake/sst"]) is type(tasks["mine"])
    assert tasks["mtl-bench/sst"].describe().submission == Submission("sst", "Predicted_Sentiment")
    assert {"from-file", "sst"} & {*tasks} == set()


def test_a_task_that_cannot_be_imported(install: Install) -> None:
    install("fake", PLUGIN.replace("TARGET", "no_such_module:Task"))

    with pytest.raises(PluginError, match="task 'mine' of fake: ModuleNotFoundError"):
        default_tasks(Registry.load())


# --- of a matrix ------------------------------------------------------------------------------


def test_the_tasks_of_a_matrix_and_its_folder(tmp_path: Path) -> None:
    matrix = tmp_path / "study.toml"
    matrix.write_text(
        f"""
        [base]
        tasks = ["sample-sst", {{ name = "sample-sts", as = "sts", train = 9 }}]
        data = {{ dir = "{tmp_path}" }}
        [axes]
        combiner = ["sum", "pcgrad"]
        """
    )

    tasks, folder = tasks_of(matrix, Registry.load())

    assert (list(tasks), folder) == (["sample-sst", "sts"], tmp_path)
    assert split_records(status(tasks, folder))[3]["rows"] == "9"


def test_a_name_of_two_tasks_is_refused(tmp_path: Path) -> None:
    matrix = tmp_path / "study.toml"
    matrix.write_text(
        """
        [base]
        tasks = ["sample-sst"]
        [axes]
        tasks = [[{ name = "sample-sst", train = 8 }], [{ name = "sample-sst", train = 9 }]]
        """
    )

    with pytest.raises(UsageError, match="'sample-sst' is not the same task in every cell"):
        tasks_of(matrix, Registry.load())
