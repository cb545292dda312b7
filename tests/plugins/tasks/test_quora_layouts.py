from collections.abc import Callable
from pathlib import Path

import pytest

from mtbench.data.layouts import LaidOutTask
from mtbench.protocols import SPLITS
from mtbench_builtins.tasks.quora import Quora
from mtbench_builtins.tasks.quora_layouts import LAYOUTS
from mtbench_builtins.tasks.splitting import split_of

Write = Callable[..., Path]

TASK = LaidOutTask(Quora(), LAYOUTS)
HEADER = "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate"


def test_glue(write: Write) -> None:
    """Not quoted; test has ids of its own, and no labels."""
    folder = write("QQP/train.tsv", HEADER, '5\t1\t2\t"Why?\tHow?\t1', "6\t3\t4\tWho?")
    write("QQP/dev.tsv", HEADER, "7\t5\t6\tWhat?\tWhat now?\t0")
    write("QQP/test.tsv", "id\tquestion1\tquestion2", "5\tWhen?\tWhere?")

    train, dev, test = (TASK.load(split, folder) for split in SPLITS)

    assert TASK.layout(folder).name == "GLUE QQP"
    assert (train.ids, train.texts, train.labels) == (("train-5",), (('"Why?', "How?"),), (1,))
    assert [str(row) for row in train.bad_rows] == [
        "train.tsv:3: it has 4 columns, the header 6",
    ]
    assert (dev.ids, dev.labels) == (("dev-7",), (0,))
    assert (test.ids, test.texts, test.labels) == (("test-5",), (("When?", "Where?"),), None)


def test_glue_as_parquet(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="needs pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs pyarrow")
    (tmp_path / "qqp").mkdir()
    for name, label in (("train", 1), ("validation", 0), ("test", -1)):
        rows = {"question1": ["a?"], "question2": ["b?"], "label": [label], "idx": [9]}
        file = tmp_path / "qqp" / f"{name}-00000-of-00001.parquet"
        parquet.write_table(pyarrow.table(rows), file)

    train, dev, test = (TASK.load(split, tmp_path) for split in SPLITS)

    assert TASK.layout(tmp_path).name == "GLUE QQP parquet"
    assert (train.ids, train.texts, train.labels) == (("train-9",), (("a?", "b?"),), (1,))
    assert (dev.ids, dev.labels) == (("dev-9",), (0,))
    assert (test.ids, test.labels) == (("test-9",), None)


def rows_of_quora() -> list[str]:
    """Return pairs, each once more the other way round under another id."""
    rows = []
    for i in range(60):
        rows.append(f'{2 * i}\t0\t1\t"Is ""{i}"" odd?"\tIs {i} even?\t{i % 2}')
        rows.append(f'{2 * i + 1}\t1\t0\tIs {i} even?\t"Is ""{i}"" odd?"\t{i % 2}')
    return rows


@pytest.mark.parametrize("name", ["", "quora/", "QQP/"])
def test_the_release_of_quora(write: Write, name: str) -> None:
    """Quoted, and in one file."""
    folder = write(f"{name}quora_duplicate_questions.tsv", HEADER, *rows_of_quora())

    loaded = {split: TASK.load(split, folder) for split in SPLITS}

    assert TASK.layout(folder).name == "Quora release"
    assert sum(len(examples) for examples in loaded.values()) == 120
    split = split_of(('Is "7" odd?', "Is 7 even?"), dev=0.1, test=0.1)
    assert {f"{split}-14", f"{split}-15"} <= set(loaded[split].ids)
    sides = {split: {frozenset(t) for t in e.texts} for split, e in loaded.items()}
    assert frozenset(('Is "7" odd?', "Is 7 even?")) in set.union(*sides.values())
    assert sum(map(len, sides.values())) == 60
    for split, pairs in sides.items():
        assert {split_of(tuple(pair), dev=0.1, test=0.1) for pair in pairs} <= {split}


def test_a_bad_row_of_the_release_is_reported_once(write: Write) -> None:
    folder = write(
        "quora_duplicate_questions.tsv",
        HEADER,
        "0\t1\t2\ta?\t\t0",
        "1\t3\t4\ta?",
        "2\t5\t6\tb?\tc?\t7",
        *rows_of_quora(),
    )

    reasons = [str(row) for split in SPLITS for row in TASK.load(split, folder).bad_rows]

    assert sorted(reason.partition(":")[2] for reason in reasons) == [
        "2: its 'question2' is empty",
        "3: it has 4 columns, the header 6",
        "4: its 'is_duplicate' is '7', no class from 0 to 1",
    ]
