from collections.abc import Callable
from pathlib import Path

import pytest

from mtbench.data.layouts import LaidOutTask
from mtbench.errors import UsageError
from mtbench.protocols import SPLITS
from mtbench_builtins.tasks.sts import STS
from mtbench_builtins.tasks.sts_layouts import LAYOUTS, is_benchmark

Write = Callable[..., Path]

TASK = LaidOutTask(STS(), LAYOUTS)
BENCHMARK = 'main-news\theadlines\t2015\t0001\t{}\tA "{}\tAnother one'
CS224N = "\tid\tsentence1\tsentence2\tsimilarity"


@pytest.mark.parametrize("name", ["stsbenchmark/", ""])
def test_the_benchmark_as_it_was_released(write: Write, name: str) -> None:
    """No header, no quoting, and sources and terms behind some rows."""
    for score, split in enumerate(SPLITS):
        folder = write(
            f"{name}sts-{split}.csv",
            BENCHMARK.format(f"{score}.500", split),
            BENCHMARK.format("5.2", "too much"),
            BENCHMARK.format(1, "more") + "\thttp://example.org\tterms",
        )

    assert TASK.layout(folder).name == "STS benchmark"
    for score, split in enumerate(SPLITS):
        examples = TASK.load(split, folder)
        found = dict(zip(examples.texts, examples.labels or (), strict=True))
        assert found == {
            (f'A "{split}', "Another one"): score + 0.5,
            ('A "more', "Another one"): 1,
        }
        assert [str(row) for row in examples.bad_rows] == [
            f"sts-{split}.csv:2: its 'score' is '5.2', not from 0 to 5"
        ]


def test_glue(write: Write) -> None:
    columns = "index\tgenre\tfilename\tyear\told_index\tsource1\tsource2\tsentence1\tsentence2"
    row = '{}\tmain-news\theadlines\t2015\t0001\tnone\tnone\tA\t"B'
    for split in ("train", "dev"):
        write(f"STS-B/{split}.tsv", f"{columns}\tscore", row.format(3) + "\t2.500")
    folder = write("STS-B/test.tsv", columns, row.format(3))

    train, dev, test = (TASK.load(split, folder) for split in SPLITS)

    assert TASK.layout(folder).name == "GLUE STS-B"
    assert (train.ids, train.texts, train.labels) == (("train-3",), (("A", '"B'),), (2.5,))
    assert dev.ids == ("dev-3",)
    assert (test.ids, test.labels) == (("test-3",), None)


def test_glue_as_parquet(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="needs pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs pyarrow")
    (tmp_path / "stsb").mkdir()
    for name in ("train", "validation"):
        rows = {"sentence1": ["A"], "sentence2": ["B"], "label": [2.5], "idx": [0]}
        file = tmp_path / "stsb" / f"{name}-00000-of-00001.parquet"
        parquet.write_table(pyarrow.table(rows), file)

    assert TASK.layout(tmp_path).name == "GLUE STS-B parquet"
    assert TASK.load("dev", tmp_path).labels == (2.5,)


# --- two layouts with one file name -----------------------------------------------------------


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
    assert is_benchmark(write("a.csv", line) / "a.csv") is found


def test_files_of_the_same_name_are_told_apart(write: Write) -> None:
    for split in ("train", "dev"):
        folder = write(f"sts-{split}.csv", CS224N, "0\ta\tA\tB\t2.0")
    assert TASK.layout(folder).name == "CS224N"
    assert TASK.load("train", folder) == STS().load("train", folder)

    for split in ("train", "dev"):
        write(f"sts-{split}.csv", BENCHMARK.format(2, split))
    assert TASK.layout(folder).name == "STS benchmark"


def test_cs224n_wins_beside_the_folder_of_the_benchmark(write: Write) -> None:
    for split in SPLITS:
        write(f"stsbenchmark/sts-{split}.csv", BENCHMARK.format(2, split))
        folder = write(f"sts-{split}.csv", CS224N, "0\ta\tA\tB\t2.0")

    assert TASK.layout(folder).name == "CS224N"


def test_a_broken_file_of_cs224n_is_told_as_before(write: Write) -> None:
    folder = write("sts-train.csv", "\tid\tsentence1\tsentense2\tsimilarity")

    with pytest.raises(UsageError, match="no column 'sentence2'; did you mean 'sentense2'"):
        TASK.load("train", folder)
