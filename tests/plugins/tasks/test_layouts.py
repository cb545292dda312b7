"""Layouts: the files of public data sets, and how each is read as a task's examples."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from mtbench.components.entries import build_parameters, build_task
from mtbench.components.registry import Registry
from mtbench.data import load
from mtbench.data.layouts import LaidOutTask
from mtbench.errors import UsageError
from mtbench.protocols import SPLITS, Task
from mtbench_builtins.tasks.layouts import Columns, files, first_line
from mtbench_builtins.tasks.splitting import split_of
from mtbench_builtins.tasks.sst import SST
from mtbench_builtins.tasks.sst_layouts import FOLDERS
from mtbench_builtins.tasks.sts import STS
from mtbench_builtins.tasks.sts_layouts import is_benchmark

Write = Callable[..., Path]

QUESTIONS = "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate"
BENCHMARK = 'main-news\theadlines\t2015\t0001\t{}\tA "{}\tAnother one'
CS224N = "\tid\tsentence1\tsentence2\tsimilarity"
GLUE = "index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1\tsentence2"
PAIR = '3\tmain-news\theadlines\t2015\t0001\tnone\tnone\tA\t"B'


def built(name: str) -> Task:
    entry = Registry.load().find("task", name)
    return build_task(entry, build_parameters(entry, {}, where=name))


def laid_out(name: str) -> LaidOutTask:
    task = built(name)
    assert isinstance(task, LaidOutTask)
    return task


# --- what is common to all --------------------------------------------------------------------


@pytest.mark.parametrize("name", ["sst", "pd", "sts"])
def test_the_catalogue_has_cs224n_first(name: str, tmp_path: Path) -> None:
    task = laid_out(name)
    names = [layout.name for layout in task.layouts]
    assert names[0] == "CS224N"
    assert len(set(names)) == len(names) > 2
    assert all({"train", "dev"} <= set(layout.files) for layout in task.layouts)
    with pytest.raises(UsageError) as error:
        task.load("train", tmp_path)
    assert "\n" not in str(error.value)
    for layout in task.layouts:
        assert f"{layout.name}: {layout.files['train'][0]}" in str(error.value)


def test_files_lie_in_the_first_folder_that_has_them() -> None:
    assert files(("a", "."), train="x", dev="y") == {"train": ("a/x", "x"), "dev": ("a/y", "y")}


def test_the_layout_of_cs224n_is_read_by_the_task_itself(write: Write) -> None:
    folder = write("ids-sst-test.csv", "\tid\tsentence", "0\ta\tgood")
    layout = laid_out("sst").layouts[0]
    assert layout.files["train"] == ("ids-sst-train.csv",)
    assert layout.files["test"] == ("ids-sst-test-student.csv", "ids-sst-test.csv")
    file = layout.file("test", folder)
    assert file == folder / "ids-sst-test.csv"
    assert layout.read(file, "test", with_labels=True) == SST().load("test", folder)
    assert layout.sizes == SST.info.published_sizes


def test_own_ids_get_the_split_in_front_and_placeholders_are_no_labels(write: Write) -> None:
    folder = write("a.tsv", "index\ta\tb\ty", "7\tx\ty\t-1", "3\tx\tz\t0.5")
    read = Columns(info=STS.info, texts=("a", "b"), target="y", id="index", test_labels=False)
    train, test = (read(folder / "a.tsv", s, with_labels=True) for s in ("train", "test"))
    assert (train.ids, train.labels) == (("train-3",), (0.5,))
    assert [str(row) for row in train.bad_rows] == ["a.tsv:2: its 'y' is '-1', not from 0 to 5"]
    assert (test.ids, test.labels) == (("test-3", "test-7"), None)


def test_the_first_line(write: Write) -> None:
    folder = write("a.tsv", "\ufeffone", "two")
    assert first_line(folder / "a.tsv") == "one"
    assert first_line(folder / "none.tsv") == ""


# --- each layout ------------------------------------------------------------------------------


def write_rows(folder: Path, name: str, rows: Any) -> None:
    """Write a file: lines of text, or the columns of a Parquet file."""
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(rows, dict):
        pyarrow = pytest.importorskip("pyarrow", reason="needs pyarrow")
        parquet = pytest.importorskip("pyarrow.parquet", reason="needs pyarrow")
        parquet.write_table(pyarrow.table(rows), file)
    else:
        file.write_text("".join(f"{line}\n" for line in rows), encoding="utf-8")


def parquet_of(columns: Sequence[str], folder: str, labels: Sequence[float]) -> dict[str, Any]:
    return {
        f"{folder}/{name}-00000-of-00001.parquet": dict(
            zip((*columns, "label", "idx"), (["a?"], ["b?"], [label], [9]), strict=True)
        )
        for name, label in zip(("train", "validation", "test"), labels, strict=True)
    }


def of_parquet(*labels: float | None) -> dict[str, dict[str, Any]]:
    return {f"{s}-9": {("a?", "b?"): label} for s, label in zip(SPLITS, labels, strict=True)}


JSON_LINES = '{{"text": "a {} , \\"so\\" ", "label": 4, "label_text": "very positive"}}'
RELEASED = [BENCHMARK.format("0.500", "x"), f"{BENCHMARK.format(1, 'y')}\thttp://x.org\tterms"]
"""No header, no quoting, and sources and terms behind some rows."""
LAYOUTS = [
    *(
        (
            ("sst", "SST-5 jsonl"),
            {f"{folder}/{split}.jsonl": [JSON_LINES.format(split)] for split in SPLITS},
            {split: {(f'a {split} , "so"',): 4} for split in SPLITS},
        )
        for folder in FOLDERS
    ),
    (
        ("sst", "SST-5 tsv"),
        {
            "SST-5/train.tsv": ["sentence\tlabel", '"stray\t3', "so-so\t2"],
            "SST-5/dev.tsv": ["label\tsentence", "0\tbad"],
        },
        {"train": {('"stray',): 3, ("so-so",): 2}, "dev": {("bad",): 0}},
    ),
    (
        ("pd", "GLUE QQP"),  # not quoted; test has ids of its own, and no labels
        {
            "QQP/train.tsv": [QUESTIONS, '5\t1\t2\t"Why?\tHow?\t1', "6\t3\t4\tWho?"],
            "QQP/dev.tsv": [QUESTIONS, "7\t5\t6\tWhat?\tWhat now?\t0"],
            "QQP/test.tsv": ["id\tquestion1\tquestion2", "5\tWhen?\tWhere?"],
        },
        {
            "train-5": {('"Why?', "How?"): 1},
            "dev-7": {("What?", "What now?"): 0},
            "test-5": {("When?", "Where?"): None},
        },
    ),
    (
        ("pd", "GLUE QQP parquet"),
        parquet_of(("question1", "question2"), "qqp", (1, 0, -1)),
        of_parquet(1, 0, None),
    ),
    *(
        (
            ("sts", "STS benchmark"),
            {f"{folder}sts-{split}.csv": RELEASED for split in SPLITS},
            {s: {('A "x', "Another one"): 0.5, ('A "y', "Another one"): 1} for s in SPLITS},
        )
        for folder in ("stsbenchmark/", "")
    ),
    (
        ("sts", "GLUE STS-B"),
        {
            "STS-B/train.tsv": [f"{GLUE}\tscore", f"{PAIR}\t2.500"],
            "STS-B/dev.tsv": [f"{GLUE}\tscore", f"{PAIR}\t0.500"],
            "STS-B/test.tsv": [GLUE, PAIR],
        },
        {
            "train-3": {("A", '"B'): 2.5},
            "dev-3": {("A", '"B'): 0.5},
            "test-3": {("A", '"B'): None},
        },
    ),
    (
        ("sts", "GLUE STS-B parquet"),
        parquet_of(("sentence1", "sentence2"), "stsb", (2.5, 0.5, -1)),
        of_parquet(2.5, 0.5, None),
    ),
]
"""Task and layout; files; examples by their split, or by the one id where a file has some."""


@pytest.mark.parametrize(
    ("layout", "content", "expected"), LAYOUTS, ids=[x[0][1] for x in LAYOUTS]
)
def test_a_layout_is_known_and_read(
    tmp_path: Path, layout: tuple[str, str], content: Mapping[str, Any], expected: Any
) -> None:
    for name, rows in content.items():
        write_rows(tmp_path, name, rows)
    task = laid_out(layout[0])
    assert task.layout(tmp_path).name == layout[1]
    for place, examples in expected.items():
        split, _, has_id = place.partition("-")
        found = task.load(split, tmp_path)
        labels = found.labels or [None] * len(found)
        assert dict(zip(found.texts, labels, strict=True)) == examples
        assert not has_id or found.ids == (place,)


# --- Quora's one file -------------------------------------------------------------------------


def rows_of_quora() -> list[str]:
    """Return pairs, each once more the other way round under another id."""
    rows = []
    for i in range(60):
        rows.append(f'{2 * i}\t0\t1\t"Is ""{i}"" odd?"\tIs {i} even?\t{i % 2}')
        rows.append(f'{2 * i + 1}\t1\t0\tIs {i} even?\t"Is ""{i}"" odd?"\t{i % 2}')
    return rows


@pytest.mark.parametrize("name", ["", "quora/", "QQP/"])
def test_the_release_of_quora(write: Write, name: str) -> None:
    """Quoted, and in one file; a bad row of it is reported once."""
    bad = ["0\t1\t2\ta?\t\t0", "1\t3\t4\ta?", "2\t5\t6\tb?\tc?\t7"]
    file = f"{name}quora_duplicate_questions.tsv"
    task, folder = laid_out("pd"), write(file, QUESTIONS, *bad, *rows_of_quora())
    assert task.layout(folder).name == "Quora release"

    loaded = {split: task.load(split, folder) for split in SPLITS}

    assert sum(len(examples) for examples in loaded.values()) == 120
    split = split_of(('Is "7" odd?', "Is 7 even?"), dev=0.1, test=0.1)
    assert {f"{split}-14", f"{split}-15"} <= set(loaded[split].ids)
    sides = {split: {frozenset(t) for t in e.texts} for split, e in loaded.items()}
    assert frozenset(('Is "7" odd?', "Is 7 even?")) in set.union(*sides.values())
    assert sum(map(len, sides.values())) == 60
    for split, pairs in sides.items():
        assert {split_of(tuple(pair), dev=0.1, test=0.1) for pair in pairs} <= {split}
    reasons = [str(row).partition(":")[2] for e in loaded.values() for row in e.bad_rows]
    assert sorted(reasons) == [
        "2: its 'question2' is empty",
        "3: it has 4 columns, the header 6",
        "4: its 'is_duplicate' is '7', no class from 0 to 1",
    ]


# --- several layouts in one folder ------------------------------------------------------------


def test_cs224n_wins(write: Write) -> None:
    """Of STS, beside files of the same names in the benchmark's folder."""
    for split in ("train", "dev"):
        write(f"sst5/{split}.jsonl", '{"text": "x", "label": 1}')
        write(f"ids-sst-{split}.csv", "id\tsentence\tsentiment", "a\ty\t2")
        write(f"stsbenchmark/sts-{split}.csv", BENCHMARK.format(2, split))
        folder = write(f"sts-{split}.csv", CS224N, "0\ta\tA\tB\t2.0")
    for name, own in (("sst", SST()), ("sts", STS())):
        task = laid_out(name)
        assert task.layout(folder).name == "CS224N"
        assert task.load("train", folder) == own.load("train", folder)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (BENCHMARK.format("0.4", "x"), True),
        (BENCHMARK.format("0.4", "x") + "\tmore", True),
        (CS224N, False),
        ("0\tid-of-25-characters\tA\tB\t2.0", False),
        (BENCHMARK.format("score", "x"), False),
        ("", False),
    ],
)
def test_the_benchmark_is_told_by_its_first_row(write: Write, line: str, found: bool) -> None:
    """CS224N has files of the same names."""
    assert is_benchmark(write("a.csv", line) / "a.csv") is found


def test_a_broken_file_of_cs224n_is_told_as_one(write: Write) -> None:
    folder = write("sts-train.csv", "\tid\tsentence1\tsentense2\tsimilarity")
    with pytest.raises(UsageError, match="no column 'sentence2'; did you mean 'sentense2'"):
        laid_out("sts").load("train", folder)


def test_the_real_files_are_of_cs224n(cs224n: Path) -> None:
    for name in ("sst", "pd", "sts"):
        assert laid_out(name).layout(cs224n).name == "CS224N"


# --- labels -----------------------------------------------------------------------------------

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
    for split in ("train", "dev"):
        with pytest.raises(UsageError, match=rf"^{name}: no row of {split} is of class 0; .*: 8 "):
            load(built(name), split, folder, with_labels=True, name=name)
