import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mtbench.cli.data_document import (
    LISTED,
    MatrixData,
    default_tasks,
    document,
    errors,
    of_matrix,
)
from mtbench.components.registry import Registry
from mtbench.data.status import ClassBalance, ScoreBalance, SplitStatus, TokenStatus, status
from mtbench.errors import PluginError, UsageError
from mtbench.protocols import SPLITS, BadRow, Submission
from mtbench.rendering import render
from mtbench.rendering.document import Table

Install = Callable[..., Path]

TRAIN = SplitStatus(
    task="sst",
    split="train",
    published=8544,
    rows=8500,
    balance=ClassBalance({"bad": 0.25, "good": 0.75}),
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
    shared=12,
)
UNKNOWN = SplitStatus(
    task="mine", split="test", published=None, rows=3, fingerprint="a" * 64, shared=0
)
MISSING = [
    SplitStatus(task="pd", split=split, published=1, problem="no folder")
    for split in ("train", "dev")
]


def tables(*statuses: SplitStatus) -> dict[str, Any]:
    """Return the records of the tables that are not empty, by title."""
    made = document(MatrixData({}, None), None, statuses)
    return {part.title: part.records for part in made.shown if isinstance(part, Table)}


def splits(*statuses: SplitStatus) -> Any:
    return tables(*statuses)[""]


def test_splits() -> None:
    assert splits(TRAIN, DEV, UNKNOWN) == [
        {
            "task": "sst",
            "split": "train",
            "rows": "8,500",
            "published": "8,544",
            "difference": "-44",
            "labels": "bad:25.0% good:75.0%",
            "left out": "1",
            "in train": "-",
            "fingerprint": "0123456789ab",
            "layout": "CS224N",
        },
        {
            "task": "sst",
            "split": "dev",
            "rows": "1,101",
            "published": "1,000",
            "difference": "+101",
            "labels": "mean 2.35, sd 1.50, quartiles 1.0 2.2 4.0",
            "left out": "0",
            "in train": "12",
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
            "in train": "0",
            "fingerprint": "a" * 12,
            "layout": "-",
        },
    ]


def test_bad_rows_are_listed_up_to_a_number() -> None:
    many = tuple(BadRow("pd.csv", line, "empty") for line in range(LISTED + 5))
    split = SplitStatus(task="pd", split="train", published=None, rows=9, bad_rows=many)

    records = tables(TRAIN, split)["rows left out"]
    assert records[0] == {
        "task": "sst",
        "split": "train",
        "file": "sst.csv",
        "line": "7",
        "reason": "its label is empty",
    }
    assert len(records) == 1 + LISTED
    assert records[-1]["line"] == str(LISTED - 1)
    assert splits(split)[0]["left out"] == str(LISTED + 5)


def test_rows_in_doubt_are_listed_up_to_a_number() -> None:
    rows = tuple(BadRow("pd.csv", line, "it may be two") for line in range(LISTED + 5))
    split = SplitStatus(task="pd", split="train", published=None, rows=99, doubtful_rows=rows)

    records = tables(TRAIN, split)["rows in doubt"]

    assert records[0] == {
        "task": "pd",
        "split": "train",
        "file": "pd.csv",
        "line": "0",
        "reason": "it may be two",
    }
    assert len(records) == LISTED


def test_a_split_that_cannot_be_read_has_its_reason() -> None:
    """Splits of one reason share a line."""
    other = SplitStatus(task="pd", split="test", published=1, problem="no column")
    statuses = [*MISSING, other, TRAIN]

    shown = ("task", "split", "rows", "published", "left out")
    assert [[record[column] for column in shown] for record in splits(*statuses)] == [
        ["pd", "train, dev", "-", "-", "-"],
        ["pd", "test", "-", "1", "-"],
        ["sst", "train", "8,500", "8,544", "1"],
    ]
    assert [[*record.values()] for record in tables(*statuses)["not readable"]] == [
        ["pd", "train, dev", "no folder"],
        ["pd", "test", "no column"],
    ]


def test_programs_get_every_split_with_all_that_is_known() -> None:
    made = document(MatrixData({}, None), None, [TRAIN, *MISSING])

    first, second, _ = made.records()
    assert (first["task"], first["split"], first["rows"]) == ("sst", "train", 8500)
    assert (first["bad_rows"], first["shared"], first["problem"]) == (1, None, None)
    assert (second["rows"], second["problem"]) == (None, "no folder")
    value = json.loads(render(made, "json"))
    assert value["splits"][0]["balance"] == {"shares": {"bad": 0.25, "good": 0.75}}
    assert value["splits"][0]["bad_rows"][0]["line"] == 7


@pytest.mark.parametrize("needed", [True, False])
def test_what_cannot_be_read_is_an_error_where_it_is_needed(needed: bool) -> None:
    gone = [
        SplitStatus(task="t", split=split, published=None, problem="gone", absent=True)
        for split in SPLITS
    ]
    torn = [replace(split, problem="torn", absent=False) for split in gone]
    rows = replace(TRAIN, task="t")

    assert errors(gone, needed=needed) == (["t, train, dev: gone"] if needed else [])
    assert errors([rows, *gone[1:]], needed=needed) == ["t, dev: gone"]
    assert errors([rows, rows, gone[2]], needed=needed) == []
    assert errors([rows, rows, torn[2]], needed=needed) == ["t, test: torn"]


def test_a_tokenizer_that_fails_has_a_record_of_its_own() -> None:
    tokens = (TokenStatus("tiny", None, 3, 0), TokenStatus("mine", None, problem="too few words"))
    status = replace(DEV, tokens=tokens)

    assert [record["encoder"] for record in tables(status)["tokens"]] == ["tiny"]
    assert tables(status)["not tokenised"] == [
        {"encoder": "mine", "reason": "sst, dev: too few words"}
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
    assert [(r["task"], r["split"], r["rows"]) for r in splits(*statuses)] == [
        ("sst", "train, dev, test", "-"),
        ("sample-sts", "train", "480"),
        ("sample-sts", "dev", "300"),
        ("sample-sts", "test", "300"),
    ]


def test_the_real_data(cs224n: Path) -> None:
    tasks = default_tasks(Registry.load())

    records = splits(*status({"sst": tasks["sst"], "sts": tasks["sts"]}, cs224n))

    assert [(r["task"], r["split"], r["rows"], r["difference"]) for r in records] == [
        ("sst", "train", "8,544", "+0"),
        ("sst", "dev", "1,101", "+0"),
        ("sst", "test", "2,210", "+0"),
        ("sts", "train", "6,040", "-1"),
        ("sts", "dev", "863", "-1"),
        ("sts", "test", "1,725", "-1"),
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

    given = of_matrix(matrix, Registry.load())

    assert (list(given.tasks), given.folder) == (["sample-sst", "sts"], tmp_path)
    assert splits(*status(given.tasks, given.folder))[3]["rows"] == "9"


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
        of_matrix(matrix, Registry.load())


# --- its tokens -------------------------------------------------------------------------------


def matrix_with(tmp_path: Path, axes: str) -> MatrixData:
    matrix = tmp_path / "study.toml"
    matrix.write_text(
        f"""
        [base]
        tasks = ["sample-sst", "sample-sts"]
        [axes]
        {axes}
        """
    )
    return of_matrix(matrix, Registry.load())


def ways(given: MatrixData) -> dict[str, list[tuple[str, str]]]:
    return {
        task: [(way.encoder, way.pair) for way in found]
        for task, found in given.tokenisations.items()
    }


def test_the_ways_in_which_a_matrix_tokenises_its_tasks(tmp_path: Path) -> None:
    """What changes no token id makes no other way."""
    given = matrix_with(
        tmp_path,
        """
        encoder = ["tiny", { name = "tiny", dropout = 0.2 }, { name = "tiny", max_tokens = 9 }]
        heads.sample-sts = ["linear", { name = "linear", pair = "joined" }]
        """,
    )

    short = "tiny{max_tokens=9}"
    assert ways(given) == {
        "sample-sst": [("tiny", "separate"), (short, "separate")],
        "sample-sts": [
            *(("tiny", "separate"), ("tiny", "joined")),
            *((short, "separate"), (short, "joined")),
        ],
    }
    assert not given.without_tokenizer


def test_a_cell_that_is_rejected_tokenises_nothing(tmp_path: Path) -> None:
    given = matrix_with(
        tmp_path,
        'heads.sample-sts = ["cosine", { name = "cosine", pair = "joined" }]',
    )

    assert ways(given)["sample-sts"] == [("tiny", "separate")]


def test_an_encoder_without_a_checkpoint_is_told_and_the_others_tokenise(tmp_path: Path) -> None:
    given = matrix_with(
        tmp_path, 'encoder = ["tiny", { name = "minbert", checkpoint = "./nowhere" }]'
    )

    assert ways(given) == {task: [("tiny", "separate")] for task in ("sample-sst", "sample-sts")}
    (record,) = given.without_tokenizer
    assert record["encoder"] == "minbert{checkpoint=./nowhere}"
    assert "'./nowhere'" in record["reason"]


def test_a_record_a_split_and_way(tmp_path: Path) -> None:
    tokens = (TokenStatus("tiny", None, 3, 0), TokenStatus("mine", "joined", 0, 1))

    assert tables(replace(DEV, tokens=tokens), TRAIN, *MISSING)["tokens"] == [
        {
            "task": "sst",
            "split": "dev",
            "encoder": "tiny",
            "pair": "-",
            "cut": "3",
            "empty": "0",
        },
        {
            "task": "sst",
            "split": "dev",
            "encoder": "mine",
            "pair": "joined",
            "cut": "0",
            "empty": "1",
        },
    ]
