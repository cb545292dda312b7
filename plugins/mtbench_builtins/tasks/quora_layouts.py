"""Layouts of PD: that of CS224N, GLUE's QQP, and the one file that Quora released."""

from functools import partial

from mtbench.api import Layout
from mtbench_builtins.tasks.layouts import Columns, cs224n, files
from mtbench_builtins.tasks.quora import Quora
from mtbench_builtins.tasks.splitting import split_of

SHARE = 0.1
"""Of Quora's one file, for dev and for test."""

_questions = partial(Columns, info=Quora.info, texts=("question1", "question2"))
_released = "quora_duplicate_questions.tsv"

LAYOUTS = (
    cs224n(Quora()),
    # GLUE's files are written without quoting, the one that Quora released with.
    Layout(
        name="GLUE QQP",
        files=files(("QQP",), train="train.tsv", dev="dev.tsv", test="test.tsv"),
        read=_questions(target="is_duplicate", id="id", quoting=False),
    ),
    # As in the Hub's nyu-mll/glue; the labels of test are -1.
    Layout(
        name="GLUE QQP parquet",
        files=files(
            ("qqp",),
            train="train-00000-of-00001.parquet",
            dev="validation-00000-of-00001.parquet",
            test="test-00000-of-00001.parquet",
        ),
        read=_questions(target="label", id="idx", form="parquet", test_labels=False),
    ),
    Layout(
        name="Quora release",
        files=files((".", "quora", "QQP"), train=_released, dev=_released, test=_released),
        read=_questions(
            target="is_duplicate", id="id", split_of=partial(split_of, dev=SHARE, test=SHARE)
        ),
    ),
)
