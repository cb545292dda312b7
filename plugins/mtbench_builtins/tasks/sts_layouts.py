"""Layouts of STS: that of CS224N, STS benchmark as it was released, and GLUE's STS-B."""

from functools import partial
from pathlib import Path

from mtbench.api import Layout, Split
from mtbench_builtins.tasks.layouts import Columns, cs224n, files, first_line
from mtbench_builtins.tasks.sts import STS

HEADER = ("genre", "file", "year", "index", "score", "sentence1", "sentence2")
"""Columns of the STS benchmark, whose files have no header line; sources and terms may follow."""


def is_benchmark(path: Path) -> bool:
    """Whether a file is one of the STS benchmark: CS224N has some of the same names."""
    fields = first_line(path).split("\t")
    if len(fields) < len(HEADER):
        return False
    try:
        float(fields[HEADER.index("score")])
    except ValueError:
        return False
    return True


def is_no_benchmark(path: Path) -> bool:
    """Whether a file is one of CS224N, in whatever state."""
    return not is_benchmark(path)


_pairs = partial(Columns, info=STS.info, texts=("sentence1", "sentence2"))
_sizes: dict[Split, int] = {"train": 5_749, "dev": 1_500, "test": 1_379}

LAYOUTS = (
    cs224n(STS(), fits=is_no_benchmark),
    Layout(
        name="STS benchmark",
        files=files(
            ("stsbenchmark", "."), train="sts-train.csv", dev="sts-dev.csv", test="sts-test.csv"
        ),
        read=_pairs(target="score", header=HEADER, quoting=False),
        fits=is_benchmark,
        sizes=_sizes,
    ),
    Layout(
        name="GLUE STS-B",
        files=files(("STS-B",), train="train.tsv", dev="dev.tsv", test="test.tsv"),
        read=_pairs(target="score", id="index", quoting=False),
        sizes=_sizes,
    ),
    # As in the Hub's nyu-mll/glue; the labels of test are -1.
    Layout(
        name="GLUE STS-B parquet",
        files=files(
            ("stsb",),
            train="train-00000-of-00001.parquet",
            dev="validation-00000-of-00001.parquet",
            test="test-00000-of-00001.parquet",
        ),
        read=_pairs(target="label", id="idx", form="parquet", test_labels=False),
        sizes=_sizes,
    ),
)
