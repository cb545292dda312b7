"""Every check of a task catches one that is broken in just that way."""

import math
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mtbench.api import (
    BadRow,
    Examples,
    Parameters,
    Split,
    TaskInfo,
    UsageError,
    class_label,
    read_table,
)
from mtbench.components.entries import Entry, Provider
from mtbench.components.registry import Registry
from mtbench.specs import TaskSpec
from mtbench.testing.checks import Check, CheckFailed, Subject
from mtbench.testing.conformance import check_component
from mtbench.testing.tasks import check as checks

SENTIMENT = TaskInfo(sentences=1, loss="cross-entropy", metrics=("accuracy",), classes=2)
SIMILARITY = TaskInfo(
    sentences=2, loss="squared-error", metrics=("pearson",), score_range=(0.0, 5.0)
)


class Sound:
    """Four made examples a split; the wrong tasks differ in one way."""

    info: Any = SENTIMENT

    def __init__(self, parameters: object) -> None: ...

    def describe(self) -> Any:
        return self.info

    def load(self, split: Split, folder: Path | None, *, with_labels: bool = True) -> Any:
        return self.changed(split, self.examples(split, with_labels))

    def examples(self, split: Split, with_labels: bool) -> Examples:
        texts: Any = [(f"the {word} {split}",) for word in ("good", "bad", "best", "worst")]
        labels: tuple[float, ...] = (1.0, 0.0, 1.0, 0.0)
        if self.info.sentences == 2:
            texts = [(*text, "a film") for text in texts]
            labels = (4.0, 1.0, 5.0, 0.0)
        ids = tuple(f"{split}-{place}" for place in range(4))
        return Examples(ids, tuple(texts), labels if with_labels else None)

    def changed(self, split: Split, examples: Examples) -> Any:
        return examples


class Pair(Sound):
    info = SIMILARITY


def changing(change: Callable[[Examples], Any], only: str = "dev", base: Any = Sound) -> Any:
    """Return a task one split of which is changed."""

    def changed(self: Any, split: Split, examples: Examples) -> Any:
        return change(examples) if split == only else examples

    return type("Changed", (base,), {"changed": changed})


def put(**fields: Any) -> Callable[[Examples], Examples]:
    return lambda examples: replace(examples, **fields)


class Moody(Sound):
    """Another description once it has loaded."""

    loaded = False

    def describe(self) -> TaskInfo:
        return replace(SENTIMENT, metrics=("accuracy", "macro_f1")) if self.loaded else SENTIMENT

    def changed(self, split: Split, examples: Examples) -> Examples:
        self.loaded = True
        return examples


class Counting(Sound):
    """Another text at every load."""

    def __init__(self, parameters: object) -> None:
        self.loads = 0

    def changed(self, split: Split, examples: Examples) -> Examples:
        self.loads += 1
        return replace(examples, texts=(("a",), ("b",), ("c",), (f"{split} {self.loads}",)))


class Insists(Sound):
    """Labels whether they are wanted or not."""

    def load(self, split: Split, folder: Path | None, *, with_labels: bool = True) -> Any:
        return self.examples(split, True)


class Draws(Sound):
    def draw(self) -> float:
        return random.random()

    def changed(self, split: Split, examples: Examples) -> Examples:
        texts = (("a",), ("b",), ("c",), (f"{self.draw()}",))
        return replace(examples, texts=texts)


class DrawsFromNumpy(Draws):
    def draw(self) -> float:
        return float(np.random.rand())


class DrawsFromTorch(Draws):
    def draw(self) -> float:
        return float(torch.rand(()))


class PutsBack(Draws):
    def draw(self) -> float:
        state = random.getstate()
        drawn = random.random()
        random.setstate(state)
        return drawn


class Located(Parameters):
    path: str
    name_of_none: int = 3


class ReadsToDescribe(Sound):
    def __init__(self, parameters: Any) -> None:
        self.path = Path(parameters.path)

    def describe(self) -> TaskInfo:
        return replace(SENTIMENT, classes=len(self.path.read_text().split()))


class FromFile(Sound):
    """Reads ``<split>.csv`` of the folder."""

    def load(self, split: Split, folder: Path | None, *, with_labels: bool = True) -> Any:
        if folder is None:
            raise UsageError("no data folder is named: give --data DIR")
        return self.read(folder / f"{split}.csv", with_labels)

    def read(self, file: Path, with_labels: bool) -> Any:
        label = class_label("label", 2) if with_labels else None
        return read_table(file, id_column="id", text_columns=["text"], label=label, delimiter=",")


class ByHand(FromFile):
    """Reads rows without looking at them."""

    def read(self, file: Path, with_labels: bool) -> Any:
        if not file.is_file():
            raise UsageError(f"no {file.name}")
        rows = [row.split(",") for row in file.read_text().splitlines()[1:]]
        return Examples(
            tuple(row[0] for row in rows),
            tuple((row[-2 if len(row) > 1 else 0],) for row in rows),
            tuple(float(row[-1] == "1") for row in rows) if with_labels else None,
        )


class Silent(FromFile):
    """Leaves broken rows out without a word."""

    def read(self, file: Path, with_labels: bool) -> Any:
        return replace(super().read(file, with_labels), bad_rows=())


class Vague(FromFile):
    """Says that a row is bad, and not where."""

    def read(self, file: Path, with_labels: bool) -> Any:
        examples = super().read(file, with_labels)
        return replace(examples, bad_rows=tuple(replace(row, line=0) for row in examples.bad_rows))


class StopsThere(FromFile):
    """Loses everything behind a file's first half where a row is broken."""

    def read(self, file: Path, with_labels: bool) -> Any:
        examples = super().read(file, with_labels)
        if examples.bad_rows:
            return replace(examples, ids=(), texts=(), labels=())
        return examples


class Falls(FromFile):
    def load(self, split: Split, folder: Path | None, *, with_labels: bool = True) -> Any:
        if folder is None:
            raise UsageError("no data folder\nis named")
        return super().load(split, folder, with_labels=with_labels)


class FallsInAnEmptyFolder(FromFile):
    def read(self, file: Path, with_labels: bool) -> Any:
        file.read_text()
        return super().read(file, with_labels)


class FindsNothing(FromFile):
    def read(self, file: Path, with_labels: bool) -> Any:
        if not file.is_file():
            return Examples((), (), ())
        return super().read(file, with_labels)


class LeavesACache(FromFile):
    def read(self, file: Path, with_labels: bool) -> Any:
        file.with_suffix(".cache").write_text("cached")
        return super().read(file, with_labels)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "data"
    made.mkdir()
    for split in ("train", "dev", "test"):
        rows = [f"{split}{place},the {place}. film,{place % 2}" for place in range(4)]
        (made / f"{split}.csv").write_text("\n".join(["id,text,label", *rows]))
    return made


def subject(target: Any, folder: Path | None = None, **spec: Any) -> Subject:
    made = TaskSpec(name="broken", summary="s", target=target, **spec)
    return Subject.of(Entry(made, Provider("here", "", "here")), folder=folder)


def named(name: str) -> Check:
    (check,) = [check for check in checks.all if check.name == name]
    return check


def failure(name: str, of: Subject) -> str:
    check = named(name)
    assert check.inapplicable(of) is None
    with pytest.raises(CheckFailed) as failed:
        check.function(of)
    return str(failed.value)


# --- descriptions and examples ------------------------------------------------------------------

BROKEN = [
    (
        "describes-itself",
        type("Bare", (Sound,), {"info": {"sentences": 1}}),
        "expected a TaskInfo; came {'sentences': 1}",
    ),
    (
        "splits-have-examples",
        changing(put(ids=(), texts=(), labels=())),
        "expected examples in the dev split; came none",
    ),
    (
        "splits-have-examples",
        changing(put(labels=(1.0,))),
        "expected as many texts and labels as ids in dev, 4; came 4 texts and 1 labels",
    ),
    (
        "splits-have-examples",
        changing(lambda examples: [*examples.ids]),
        "expected the dev split as Examples; came list",
    ),
    (
        "ids-are-unique",
        changing(put(ids=("a", "b", "b", "c"))),
        "expected unique ids in dev; came b more than once",
    ),
    (
        "ids-are-unique",
        changing(put(ids=(1, 2, 3, 4))),
        "expected ids of dev that are texts; came 1, 2, 3 and 1 more",
    ),
    (
        "splits-share-no-id",
        changing(put(ids=("train-1", "u", "v", "w")), "test"),
        "expected ids in test that no other split has; came train-1 of train",
    ),
    (
        "ids-are-in-order",
        changing(put(ids=("a", "c", "b", "d"))),
        "expected ids of dev in ascending order; came 'b' after 'c'",
    ),
    (
        "texts-are-sentences",
        changing(put(texts=(("a", "b"), ("c",), ("d",), ("e",)))),
        "expected a tuple of 1 text(s) in example dev-0 of dev; came ('a', 'b')",
    ),
    (
        "texts-are-sentences",
        changing(put(texts=(("a",), (" ",), ("d",), ("e",)))),
        "expected words in every text in example dev-1 of dev; came ' '",
    ),
    (
        "labels-are-in-range",
        changing(put(labels=(0.0, 2.0, 0.5, 1.0))),
        "expected classes 0 to 1 in dev; came 2.0, 0.5",
    ),
    (
        "labels-are-in-range",
        changing(put(labels=(0.0, 5.5, math.nan, 1.0)), base=Pair),
        "expected scores within (0.0, 5.0) in dev; came 5.5, nan",
    ),
    (
        "labels-are-in-range",
        changing(put(labels=None)),
        "expected labels in the dev split; came None",
    ),
    (
        "every-class-occurs",
        changing(put(labels=(0.0,) * 4), "train"),
        "expected all of 0 to 1 in train; came none of 1",
    ),
    (
        "perfect-predictions-score-1",
        changing(put(labels=(3.0,) * 4), base=Pair),
        "expected pearson 1 of perfect predictions on dev; came an undefined one",
    ),
    (
        "gives-no-labels-unasked",
        Insists,
        "expected labels None of load('test', with_labels=False); came labels",
    ),
    (
        "loads-the-same-again",
        Counting,
        "expected the same test split; came another, the first time",
    ),
    *(
        (
            "uses-no-global-randomness",
            target,
            f"expected the global generators as they were; came another state of {whose}",
        )
        for target, whose in (
            (Draws, "Python's"),
            (DrawsFromNumpy, "numpy's"),
            (DrawsFromTorch, "torch's"),
        )
    ),
    (
        "uses-no-global-randomness",
        PutsBack,
        "expected the same train split whatever the global generators' state; came another",
    ),
    (
        "bad-rows-say-where",
        changing(put(bad_rows=(BadRow("dev.csv", 0, "no label"),))),
        "expected bad rows of dev with a file, a line from 1 and a reason in one line; "
        "came dev.csv:0: no label",
    ),
]


@pytest.mark.parametrize(("name", "target", "message"), BROKEN)
def test_what_is_broken_is_caught(name: str, target: Any, message: str) -> None:
    assert failure(name, subject(target)) == message


def test_a_description_that_changes() -> None:
    message = failure("describes-itself-the-same", subject(Moody))
    assert message.startswith("expected the same description, TaskInfo(sentences=1")
    assert "; came TaskInfo(" in message


def test_a_metric_that_everything_satisfies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mtbench.testing.task_examples.METRICS", {"accuracy": lambda p, y: 1.0})
    assert failure("wrong-predictions-score-less", subject(Sound)) == (
        "expected accuracy from -1 to below 1 of wrong predictions on dev; came 1.0"
    )


def test_a_description_that_reads(tmp_path: Path) -> None:
    file = tmp_path / "classes.txt"
    file.write_text("good bad")
    spec = {"parameters": Located, "example": {"path": str(file)}}
    reading = subject(ReadsToDescribe, locations=frozenset({"path"}), **spec)
    assert failure("describes-itself-without-data", reading).startswith(
        "expected the same description where the files are not; came FileNotFoundError: "
    )


@pytest.mark.parametrize("target", [Sound, Pair])
def test_a_score_has_no_classes(target: Any) -> None:
    reason = named("every-class-occurs").inapplicable(subject(target))
    assert reason == (None if target is Sound else "it has no classes")


# --- files --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (Falls, "without a folder; came 'no data folder\\nis named'"),
        (FallsInAnEmptyFolder, "in an empty folder; came FileNotFoundError: "),
        (FindsNothing, "in an empty folder; came no error"),
    ],
)
def test_what_is_not_there(target: Any, message: str) -> None:
    given = failure("missing-data-are-a-usage-error", subject(target))
    assert given.startswith(f"expected a UsageError of one line {message}")


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (ByHand, "expected the 4 examples of train beside a broken row; came 5 examples"),
        (StopsThere, "expected the 4 examples of train beside a broken row; came 0 examples"),
        (
            Silent,
            "expected a report of the row 'broken' at the end of each file; "
            "came the same bad rows as without it",
        ),
        (
            Vague,
            "expected bad rows of train with a file, a line from 1 and a reason in one line; "
            "came train.csv:0: it has 1 columns, the header 3",
        ),
    ],
)
def test_a_broken_row(folder: Path, target: Any, message: str) -> None:
    assert failure("reports-a-broken-row", subject(target, folder)) == message
    assert (folder / "dev.csv").read_text().endswith(",1")  # it was broken in a copy


def test_a_folder_that_is_written_to(folder: Path) -> None:
    assert failure("leaves-the-folder-alone", subject(LeavesACache, folder)) == (
        "expected the files of the folder as they were; "
        "came a change of dev.cache, test.cache, train.cache"
    )


def test_where_there_are_no_files() -> None:
    reasons = {check.name: check.inapplicable(subject(Sound)) for check in checks.all}
    assert {name: reason for name, reason in reasons.items() if reason} == {
        "missing-data-are-a-usage-error": "it reads no files",
        "reports-a-broken-row": "it reads no files",
        "leaves-the-folder-alone": "no folder is named",
    }


def test_where_no_folder_is_named() -> None:
    applied = [check.name for check in checks.all if not check.inapplicable(subject(FromFile))]
    assert applied == [
        "describes-itself",
        "describes-itself-the-same",
        "describes-itself-without-data",
        "needs-no-torch",
        "missing-data-are-a-usage-error",
    ]
    reason = named("ids-are-unique").inapplicable(subject(FromFile))
    assert reason == "it reads files, and no folder with its data is named"


def test_a_folder_without_text(folder: Path) -> None:
    for file in folder.iterdir():
        file.write_bytes(b"PAR1" + file.read_bytes())
    reason = named("reports-a-broken-row").inapplicable(subject(FromFile, folder))
    assert reason == "its folder has no text files"


# --- in a process of its own --------------------------------------------------------------------

SOURCE = """
from mtbench.api import Examples, TaskInfo, TaskSpec, class_label, hookimpl, read_table
from mtbench.api import UsageError

class Mine:
    def __init__(self, parameters):
        pass

    def describe(self):
        return TaskInfo(sentences=1, loss="cross-entropy", metrics=("accuracy",), classes=2)

    def load(self, split, folder, *, with_labels=True):
        {first}
        if folder is None:
            raise UsageError("no folder is named")
        label = class_label("label", 2) if with_labels else None
        file = folder / f"{{split}}.csv"
        examples = read_table(
            file, id_column="id", text_columns=["text"], label=label, delimiter=","
        )
        return {result}

@hookimpl
def mtbench_tasks():
    return [TaskSpec(name="mine", summary="s", target="mine_task:Mine")]
"""


def mine(folder: Path, first: str = "", result: str = "examples") -> Entry:
    """Return a task that is written to a file."""
    file = folder / "mine_task.py"
    file.write_text(SOURCE.format(first=first, result=result))
    return Registry.load([file]).find("task", "mine")


def test_what_is_sound_passes(tmp_path: Path, folder: Path, new_modules: None) -> None:
    outcomes = list(check_component(mine(tmp_path), folder=folder))
    assert len(outcomes) == len(checks.all)
    assert {o.status for o in outcomes} == {"passed"}


def test_torch_is_noticed(tmp_path: Path, folder: Path, new_modules: None) -> None:
    entry = mine(tmp_path, "import torch")
    assert failure("needs-no-torch", Subject.of(entry, folder=folder)) == (
        "expected no import of torch; came one, to describe and load it"
    )


def test_the_order_of_a_set_is_noticed(tmp_path: Path, folder: Path, new_modules: None) -> None:
    texts = "tuple((' '.join({'sst', 'pd', 'sts'}),) for _ in examples.ids)"
    entry = mine(tmp_path, result=f"Examples(examples.ids, {texts}, examples.labels)")
    message = failure("loads-the-same-in-every-process", Subject.of(entry, folder=folder))
    assert message.startswith("expected one fingerprint of train in every process; came ")


def test_every_check_is_tried() -> None:
    source = Path(__file__).read_text(encoding="utf-8")
    assert [check.name for check in checks.all if f'"{check.name}"' not in source] == []
