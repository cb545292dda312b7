import csv
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from mtbench.components.registry import Registry
from mtbench.components.validation import validate
from mtbench.data import fingerprint, load
from mtbench.errors import UsageError
from mtbench.matrix.configuration import overlay
from mtbench.matrix.file import NamedCell
from mtbench.protocols import SPLITS, Examples
from mtbench.store import Store
from mtbench.study.plan import Plan
from mtbench.study.planner import Planner
from mtbench.study.setup import Setup
from mtbench.study.study import Session
from mtbench_builtins.tasks.splitting import split_of
from mtbench_builtins.tasks.table import Table
from mtbench_builtins.tasks.table_parameters import TableParameters

ROWS = [(f"film {i}, seen", i % 5 + 1) for i in range(60)]


def table(path: Path | str, **given: Any) -> Table:
    what = {"text": ["review"], "target": "stars", "classes": [1, 2, 3, 4, 5]}
    if "range" in given:
        del what["classes"]
    return Table(validate(TableParameters, {"path": str(path), **what, **given}, where="table"))


def write(path: Path, rows: Sequence[Sequence[object]], header: Sequence[str]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([header, *rows])
    return path


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    return write(tmp_path / "reviews.csv", ROWS, ["review", "stars"])


def reasons(examples: Examples) -> list[str]:
    return [str(row) for row in examples.bad_rows]


# --- what kind of task it is ------------------------------------------------------------------


def test_classes_of_a_sentence() -> None:
    info = table("a.csv").describe()

    assert (info.sentences, info.loss, info.classes, info.outputs) == (1, "cross-entropy", 5, 5)
    assert info.metrics == ("accuracy", "macro_f1")


def test_two_classes_have_one_logit() -> None:
    for classes in (2, ["no", "yes"]):
        info = table("a.csv", text=["a", "b"], classes=classes, metric="macro_f1").describe()
        assert (info.sentences, info.loss) == (2, "binary-cross-entropy")
        assert (info.classes, info.outputs) == (2, 1)
        assert info.metrics == ("macro_f1", "accuracy")


def test_a_score() -> None:
    for text, sentences in ((["a"], 1), (["a", "b"], 2)):
        info = table("a.csv", text=text, range=[-1, 1]).describe()
        assert (info.sentences, info.loss) == (sentences, "squared-error")
        assert (info.classes, info.score_range) == (None, (-1, 1))
        assert info.metrics == ("pearson", "spearman")


# --- a file for each split --------------------------------------------------------------------


def test_a_file_for_each_split(tmp_path: Path) -> None:
    write(tmp_path / "r-train.csv", [("good", 5), ("bad", 1)], ["review", "stars"])
    write(tmp_path / "r-dev.csv", [("so-so", "3.0")], ["review", "stars"])
    write(tmp_path / "r-test.csv", [("?",)], ["review"])
    task = table(tmp_path / "r-{split}.csv")

    train, dev, test = (task.load(split, None) for split in SPLITS)

    assert dict(zip(train.texts, train.labels or (), strict=True)) == {("good",): 4, ("bad",): 0}
    assert (dev.texts, dev.labels) == ((("so-so",),), (2,))
    assert (test.texts, test.labels) == ((("?",),), None)


@pytest.mark.parametrize("name", ["dev", "validation", "valid", "val"])
def test_dev_may_be_called_validation(tmp_path: Path, name: str) -> None:
    write(tmp_path / f"{name}.csv", [("good", 5)], ["review", "stars"])

    assert len(table(tmp_path / "{split}.csv").load("dev", None)) == 1


def test_a_file_that_is_not_there(tmp_path: Path, reviews: Path) -> None:
    with pytest.raises(UsageError, match=r"no file review-dev\.csv in .*; did you mean 'reviews"):
        table(tmp_path / "review-{split}.csv").load("dev", None)


# --- one file ---------------------------------------------------------------------------------


def test_a_column_may_tell_the_split(tmp_path: Path) -> None:
    rows = [("a", 1, "train"), ("b", 2, "Validation"), ("c", 3, "test"), ("d", 4, "tset")]
    path = write(tmp_path / "r.csv", rows, ["review", "stars", "part"])
    task = table(path, split="part")

    train, dev, test = (task.load(split, None) for split in SPLITS)

    assert [e.texts for e in (train, dev, test)] == [(("a",),), (("b",),), (("c",),)]
    assert reasons(train) == [
        "r.csv:5: unknown part 'tset'; did you mean 'test'? "
        "(known: dev, test, train, val, valid, validation)"
    ]
    assert reasons(dev) == reasons(test) == []


def test_one_file_is_split_by_its_texts(reviews: Path) -> None:
    loaded = {split: table(reviews).load(split, None) for split in SPLITS}

    for split, examples in loaded.items():
        expected = {t for t, _ in ROWS if split_of([t], dev=0.1, test=0.1) == split}
        assert {text for (text,) in examples.texts} == expected
    assert sum(len(examples) for examples in loaded.values()) == len(ROWS)


def test_shares(reviews: Path) -> None:
    task = table(reviews, dev=0.4, test=0)

    assert len(task.load("dev", None)) + len(task.load("train", None)) == len(ROWS)
    assert len(task.load("test", None)) == 0


def test_a_pair_is_on_one_side_in_either_order(tmp_path: Path) -> None:
    pairs = [(f"a {i}", f"b {i}", 1) for i in range(40)]
    path = write(tmp_path / "p.csv", [*pairs, *((b, a, y) for a, b, y in pairs)], ["a", "b", "y"])
    task = table(path, text=["a", "b"], target="y", classes=2, dev=0.3, test=0.3)

    sides = [{frozenset(texts) for texts in task.load(s, None).texts} for s in SPLITS]

    assert sum(map(len, sides)) == len(pairs)


def test_the_order_of_the_rows_changes_nothing(tmp_path: Path, reviews: Path) -> None:
    shuffled = random.Random(3).sample(ROWS, len(ROWS))
    other = write(tmp_path / "other.csv", shuffled, ["review", "stars"])

    for split in SPLITS:
        assert table(other).load(split, None) == table(reviews).load(split, None)


def test_the_format_changes_nothing(tmp_path: Path, reviews: Path) -> None:
    lines = "".join(json.dumps({"review": text, "stars": n}) + "\n" for text, n in ROWS)
    (tmp_path / "r.jsonl").write_text(lines)
    tabs = "".join(f"{text}\t{n}\n" for text, n in ROWS)
    (tmp_path / "r.tsv").write_text("review\tstars\n" + tabs)
    (tmp_path / "r.txt").write_text("review;stars\n" + tabs.replace("\t", ";"))

    expected = fingerprint(table(reviews).load("train", None))
    others = [
        table(tmp_path / "r.jsonl"),
        table(tmp_path / "r.tsv", quoting=False),
        table(tmp_path / "r.txt", format="csv", delimiter=";"),
    ]
    assert [fingerprint(task.load("train", None)) for task in others] == [expected] * 3


def test_parquet(tmp_path: Path, reviews: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="needs pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs pyarrow")
    texts, stars = zip(*ROWS, strict=True)
    parquet.write_table(pyarrow.table({"review": texts, "stars": stars}), tmp_path / "r.parquet")

    task = table(tmp_path / "r.parquet")

    assert fingerprint(task.load("dev", None)) == fingerprint(table(reviews).load("dev", None))


# --- what is broken ---------------------------------------------------------------------------


def test_a_bad_row_is_reported_once_with_its_split(tmp_path: Path) -> None:
    rows = [("good", 5), ("worse", 7), ("", 1), ("bad", ""), ("bad", 1)]
    path = write(tmp_path / "r.csv", rows, ["review", "stars"])
    with path.open("a") as stream:
        stream.write("no label\n")

    task = table(path, classes=[1, 5])
    loaded = {split: task.load(split, None) for split in SPLITS}

    assert sorted(r for examples in loaded.values() for r in reasons(examples)) == [
        "r.csv:3: its 'stars' is '7', none of the 2 classes",
        "r.csv:4: its 'review' is empty",
        "r.csv:5: its 'stars' is empty",
        "r.csv:7: it has 1 columns, the header 2",
    ]
    assert "r.csv:7: it has 1 columns, the header 2" in reasons(loaded["train"])


def test_two_stray_quotes_cost_two_rows(tmp_path: Path) -> None:
    """Python's csv would join the 271 rows from the one to the other."""
    texts = [f'"film {i}' if i in (30, 300) else f"film {i}" for i in range(400)]
    path = tmp_path / "r-train.csv"
    path.write_text("review,stars\n" + "".join(f"{text} is bad,1\n" for text in texts))
    with path.open("a") as stream:
        stream.write('"good, but\n""long""",5\n"closed" early,1\n')

    classes = ["1", "5"]
    examples = table(tmp_path / "r-{split}.csv", classes=classes).load("train", None)

    assert len(examples) == 399
    assert ('good, but\n"long"',) in examples.texts
    behind = "is stray: text stands behind the one that closes its field"
    assert reasons(examples) == [
        f"r-train.csv:{line}: a quote on line {line} {behind}" for line in (32, 302, 404)
    ]


@pytest.mark.parametrize(
    ("classes", "said"),
    [
        (["negative", "pos"], "class 'pos'; rows left out for their label: 2 ('positive' in 2),"),
        (["negative", "positve"], "none of the 2 classes; did you mean 'positve'?; where"),
    ],
)
def test_a_class_that_no_row_of_train_has_while_others_are_left_out(
    tmp_path: Path, classes: list[str], said: str
) -> None:
    rows = [("good", "positive"), ("bad", "negative"), ("", "negative"), ("great", "positive")]
    write(tmp_path / "r-train.csv", rows, ["review", "mood"])
    write(tmp_path / "r-dev.csv", rows, ["review", "mood"])
    task = table(tmp_path / "r-{split}.csv", target="mood", classes=classes)

    with pytest.raises(UsageError, match=r"^moods: no row of train is of class 'pos") as error:
        load(task, "train", None, with_labels=True, name="moods")

    assert said in str(error.value)
    assert str(error.value).endswith("`classes = ['negative', 'positive']` of a table takes them")
    assert "\n" not in str(error.value)
    assert len(task.load("train", None, with_labels=False)) == 3
    assert len(load(task, "dev", None, with_labels=True)) == 1


def scaled(folder: Path, labels: Sequence[str], **given: Any) -> Table:
    """Return a task whose 40 rows of train and of dev have these labels in turn."""
    for split in ("train", "dev"):
        rows = [(f"{split} {i}", labels[i % len(labels)]) for i in range(40)]
        write(folder / f"s-{split}.csv", rows, ["review", "stars"])
    return table(folder / "s-{split}.csv", **given)


@pytest.mark.parametrize(
    ("labels", "classes", "said", "remedy"),
    [
        ("12", 2, "no row of {} is of class 0; .*: 20 \\('2' in 20\\)", "classes = [1, 2]"),
        (["-1", "1"], 2, "no row of {} is of class 0; .*'-1' in 20", "classes = [-1, 1]"),
        ("02", 2, "no row of {} is of class 1; .*'2' in 20", "classes = [0, 2]"),
        ("12345", 5, "no row of {} is of class 0; .*'5' in 8", "classes = [1, 2, 3, 4, 5]"),
        (["1.0", "2.0"], 2, "no row of {} is of class 0; ", "classes = [1, 2]"),
        (["no", "yes"], 2, "no row of {} is of class 0, 1; ", "classes = ['no', 'yes']"),
        (["0.1", "0.37", "1"], 2, "no row of {} is of class 0; ", "range = [0.1, 1.0]"),
        (["0", ".25", ".5", ".75", "1"], 2, "only 16 row.* of {} can", "range = [0.0, 1.0]"),
        ([str(n) for n in range(1, 21)], 3, "no row of {} is of class 0; ", "range = [1, 20]"),
        (["a", "b", "d"], ["a", "b", "c"], "no row of {} is of class 'c'; ", "['a', 'b', 'd']"),
    ],
)
def test_labels_that_are_others_than_the_classes(
    tmp_path: Path, labels: Sequence[str], classes: Any, said: str, remedy: str
) -> None:
    task = scaled(tmp_path, labels, classes=classes)

    for split in ("train", "dev"):
        with pytest.raises(UsageError, match=f"^films: {said.format(split)}") as error:
            load(task, split, None, with_labels=True, name="films")

        assert f"{remedy}` of a table takes them" in str(error.value)
        assert "\n" not in str(error.value)


def test_scores_that_are_others_than_the_range(tmp_path: Path) -> None:
    task = scaled(tmp_path, ["0", "1.5", "3", "4", "5"], range=[0, 1])

    with pytest.raises(UsageError, match=r"only 8 row.*`range = \[0\.0, 5\.0\]` of a table"):
        load(task, "train", None, with_labels=True)


@pytest.mark.parametrize("labels", [["0", "1", "-1"], ["0", "1", *["-1"] * 6], "01234"])
def test_a_mark_for_no_label_beside_a_full_set_of_classes_is_left_out(
    tmp_path: Path, labels: Sequence[str]
) -> None:
    task = scaled(tmp_path, labels, classes=4 if "3" in labels else 2)

    for split in ("train", "dev"):
        examples = load(task, split, None, with_labels=True)
        assert examples.bad_rows
        assert len(examples) + len(examples.bad_rows) == 40


def test_a_class_may_be_too_rare_for_train(tmp_path: Path) -> None:
    write(tmp_path / "r-train.csv", [("good", 5), ("", 1)], ["review", "stars"])

    assert table(tmp_path / "r-{split}.csv").load("train", None).labels == (4,)


def test_ids_of_a_column(tmp_path: Path) -> None:
    rows = [("a", "good", 5), ("a", "bad", 1), ("b", "bad", 1)]
    path = write(tmp_path / "r-train.csv", rows, ["key", "review", "stars"])

    examples = table(str(path).replace("train", "{split}"), id="key").load("train", None)

    assert examples.ids == ("a", "b")
    assert reasons(examples) == ["r-train.csv:3: id 'a' came before"]


def test_labels_are_not_looked_at_where_none_are_wanted(tmp_path: Path) -> None:
    path = write(tmp_path / "r-test.csv", [("good", "?")], ["review", "stars"])
    task = table(str(path).replace("test", "{split}"))

    assert load(task, "test", None, with_labels=False).labels is None
    assert len(task.load("test", None, with_labels=True)) == 0


# --- in a matrix ------------------------------------------------------------------------------


def plan(store: Path, *tasks: dict[str, Any]) -> Plan:
    cell = NamedCell("a", overlay({}, {"tasks": list(tasks)}))
    return Planner(Registry.load(), Store(store)).plan("", [cell], [0])


def booleans(folder: Path) -> dict[str, Path]:
    """Write one table of a boolean target in each format, as pandas and others do."""
    pyarrow = pytest.importorskip("pyarrow", reason="needs pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs pyarrow")
    texts, spam = [text for text, _ in ROWS], [stars > 3 for _, stars in ROWS]
    lines = [json.dumps({"review": t, "spam": s}) for t, s in zip(texts, spam, strict=True)]
    (folder / "s.jsonl").write_text("\n".join(lines))
    parquet.write_table(pyarrow.table({"review": texts, "spam": spam}), folder / "s.parquet")
    rows = list(zip(texts, spam, strict=True))
    small = [(text, str(value).lower()) for text, value in rows]
    return {
        "jsonl": folder / "s.jsonl",
        "parquet": folder / "s.parquet",
        "csv": write(folder / "s.csv", rows, ["review", "spam"]),
        "csv in small letters": write(folder / "small.csv", small, ["review", "spam"]),
    }


@pytest.mark.parametrize("classes", [2, [False, True], ["False", "True"], ["false", "true"]])
def test_the_format_of_booleans_changes_no_example_and_no_key(
    tmp_path: Path, classes: Any
) -> None:
    files = booleans(tmp_path)
    given = {"name": "table", "text": ["review"], "target": "spam", "classes": classes}

    loaded = [
        table(path, target="spam", classes=classes).load(split, None)
        for path in files.values()
        for split in SPLITS
    ]
    keys = {key(tmp_path / "store", {**given, "path": str(path)}) for path in files.values()}

    assert "True" in files["csv"].read_text()
    assert "True" not in files["csv in small letters"].read_text()
    assert loaded == loaded[: len(SPLITS)] * len(files)
    assert {
        text: label
        for examples in loaded[: len(SPLITS)]
        for (text,), label in zip(examples.texts, examples.labels or (), strict=True)
    } == {text: stars > 3 for text, stars in ROWS}
    assert not any(examples.bad_rows for examples in loaded)
    assert len(keys) == 1


def key(store: Path, *tasks: dict[str, Any]) -> str:
    (cell,) = plan(store, *tasks).cells
    return cell.runs[0].key


TASK = {"name": "table", "text": ["review"], "target": "stars", "classes": [1, 2, 3, 4, 5]}


def test_a_file_that_moves_keeps_its_key(
    tmp_path: Path, reviews: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    absolute = key(tmp_path, {**TASK, "path": str(reviews)})

    monkeypatch.chdir(tmp_path)
    assert key(tmp_path, {**TASK, "path": "reviews.csv"}) == absolute
    (tmp_path / "elsewhere").mkdir()
    moved = reviews.rename(tmp_path / "elsewhere" / "films.csv")
    assert key(tmp_path, {**TASK, "path": str(moved)}) == absolute
    text = moved.read_text()
    moved.write_text(text.replace("film 7,1", "film 7,2").replace("film 8,", "film 88,"))
    assert key(tmp_path, {**TASK, "path": str(moved)}) != absolute


def test_other_parameters_change_the_key(tmp_path: Path, reviews: Path) -> None:
    given = {**TASK, "path": str(reviews)}

    keys = {key(tmp_path, {**given, **c}) for c in ({}, {"metric": "macro_f1"}, {"dev": 0.2})}

    assert len(keys) == 3


def test_a_plan_of_two_tables(
    tmp_path: Path, reviews: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a matrix file, with paths from where the user stands; the request has whole ones."""
    monkeypatch.chdir(tmp_path)
    for split in SPLITS:
        pairs = [(f"{split} a {i}", f"b {i}", i / 4) for i in range(5)]
        write(tmp_path / f"pairs-{split}.csv", pairs, ["one", "other", "y"])
    (tmp_path / "study.toml").write_text(
        """
        seeds = 1
        [base]
        tasks = [
            { name = "table", as = "reviews", path = "reviews.csv", text = ["review"],
              target = "stars", classes = [1, 2, 3, 4, 5], metric = "macro_f1" },
            { name = "table", as = "pairs", path = "pairs-{split}.csv", text = ["one", "other"],
              target = "y", range = [0, 1] },
        ]
        [axes]
        "heads.pairs" = ["linear", "relu-cosine"]
        """.replace(",\n              ", ", ")
    )

    made = Session(Setup(Path("study.toml"), store=Store(tmp_path / "store"), device="cpu")).plan()

    assert [cell.rejection for cell in made.cells] == [None, None]
    assert len({run.key for cell in made.cells for run in cell.runs}) == 2
    tasks = made.cells[0].config["tasks"]
    assert tasks["reviews"]["path"] == str(reviews)
    assert tasks["pairs"]["path"] == str(tmp_path / "pairs-{split}.csv")
    assert "path" not in made.cells[0].identity.config["tasks"]["pairs"]


def test_mistakes_are_told_when_the_plan_is_made(tmp_path: Path, reviews: Path) -> None:
    given = {**TASK, "path": str(reviews)}
    for changes, reason in (
        ({"text": ["revew"]}, r"has no column 'revew'; did you mean 'review'\?"),
        ({"classes": 0}, r"^cell 'a': tasks \(table\): classes: two or more, .*; given: 0$"),
        ({"metric": "acc"}, r"^cell 'a': tasks \(table\): unknown metric of classes 'acc'"),
        ({"path": str(tmp_path / "review.csv")}, r"no file review\.csv in .*'reviews\.csv'\?"),
    ):
        with pytest.raises(UsageError, match=reason) as error:
            plan(tmp_path / "store", {**given, **changes})
        assert "\n" not in str(error.value)
