from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from mtbench.components.entries import build_parameters, build_task
from mtbench.components.registry import Registry
from mtbench.data import load
from mtbench.data.layouts import LaidOutTask
from mtbench.errors import UsageError
from mtbench_builtins.tasks.layouts import Columns, cs224n, files, first_line
from mtbench_builtins.tasks.sst import SST
from mtbench_builtins.tasks.sts import STS

Write = Callable[..., Path]


def test_files_lie_in_the_first_folder_that_has_them() -> None:
    assert files(("a", "."), train="x", dev="y") == {"train": ("a/x", "x"), "dev": ("a/y", "y")}


def test_the_layout_of_cs224n_is_read_by_the_task_itself(write: Write) -> None:
    folder = write("ids-sst-test.csv", "\tid\tsentence", "0\ta\tgood")
    layout = cs224n(SST())

    assert layout.files["train"] == ("ids-sst-train.csv",)
    assert layout.files["test"] == ("ids-sst-test-student.csv", "ids-sst-test.csv")
    file = layout.file("test", folder)
    assert file == folder / "ids-sst-test.csv"
    assert layout.read(file, "test", with_labels=True) == SST().load("test", folder)
    assert layout.sizes == SST.info.published_sizes


def test_own_ids_get_the_split_in_front(write: Write) -> None:
    folder = write("a.tsv", "index\ta\tb\ty", "7\tx\ty\t5", "3\tx\tz\t0.5")
    read = Columns(info=STS.info, texts=("a", "b"), target="y", id="index")

    examples = read(folder / "a.tsv", "dev", with_labels=True)

    assert (examples.ids, examples.labels) == (("dev-3", "dev-7"), (0.5, 5))


def test_placeholders_are_no_labels_of_test(write: Write) -> None:
    folder = write("a.tsv", "a\tb\ty", "x\ty\t-1")
    read = Columns(info=STS.info, texts=("a", "b"), target="y", test_labels=False)

    test = read(folder / "a.tsv", "test", with_labels=True)
    assert (len(test), test.labels) == (1, None)
    train = read(folder / "a.tsv", "train", with_labels=True)
    assert [str(row) for row in train.bad_rows] == ["a.tsv:2: its 'y' is '-1', not from 0 to 5"]


def test_the_first_line(write: Write) -> None:
    folder = write("a.tsv", "\ufeffone", "two")

    assert first_line(folder / "a.tsv") == "one"
    assert first_line(folder / "none.tsv") == ""


@pytest.mark.parametrize("name", ["sst", "pd", "sts"])
def test_the_catalogue_has_cs224n_first(name: str) -> None:
    entry = Registry.load().find("task", name)
    task = build_task(entry, build_parameters(entry, {}, where=name))

    assert isinstance(task, LaidOutTask)
    names = [layout.name for layout in task.layouts]
    assert names[0] == "CS224N"
    assert len(set(names)) == len(names) > 2
    assert all({"train", "dev"} <= set(layout.files) for layout in task.layouts)


SENTENCES = ("id\tsentence\tsentiment", "{0}\tfilm {0}\t{1}")
LABELS = ("sentence\tlabel", "film {0}\t{1}")
PAIRS = ("id\tquestion1\tquestion2\tis_duplicate", "{0}\ta {0}\tb {0}\t{1}")


@pytest.mark.parametrize(
    ("name", "file", "form", "labels"),
    [
        ("sst", "ids-sst-{}.csv", SENTENCES, "12345"),
        ("sst", "sst5/{}.tsv", LABELS, "12345"),
        ("sst", "sst5/{}.jsonl", ("", '{{"text": "film {0}", "label": {1}}}'), "12345"),
        ("cfimdb", "ids-cfimdb-{}.csv", SENTENCES, "12"),
        ("pd", "QQP/{}.tsv", PAIRS, ["-1", "1"]),
        ("pd", "quora-{}.csv", tuple(t.replace("question", "sentence") for t in PAIRS), "12"),
    ],
)
def test_labels_that_count_from_one_are_an_error(
    write: Write, name: str, file: str, form: tuple[str, str], labels: Sequence[str]
) -> None:
    header, row = form
    rows = [row.format(place, label) for place, label in enumerate([*labels] * 8)]
    for split in ("train", "dev"):
        folder = write(file.format(split), *filter(None, [header, *rows]))
    entry = Registry.load().find("task", name)
    task = build_task(entry, build_parameters(entry, {}, where=name))

    for split in ("train", "dev"):
        with pytest.raises(UsageError, match=rf"^{name}: no row of {split} is of class 0; .*: 8 "):
            load(task, split, folder, with_labels=True, name=name)


def test_the_real_files_are_of_cs224n(cs224n: Path) -> None:
    for name in ("sst", "pd", "sts"):
        entry = Registry.load().find("task", name)
        task = build_task(entry, build_parameters(entry, {}, where=name))
        assert isinstance(task, LaidOutTask)
        assert task.layout(cs224n).name == "CS224N"
