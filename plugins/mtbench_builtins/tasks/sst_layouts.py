"""Layouts of SST: that of CS224N, and SST-5 as JSON lines and as a table with tabs."""

from mtbench.api import Layout
from mtbench_builtins.tasks.layouts import Columns, cs224n, files
from mtbench_builtins.tasks.sst import SST

FOLDERS = ("sst5", "sst-5", "SST-5")

LAYOUTS = (
    cs224n(SST()),
    # As in the Hub's SetFit/sst5.
    Layout(
        name="SST-5 jsonl",
        files=files(FOLDERS, train="train.jsonl", dev="dev.jsonl", test="test.jsonl"),
        read=Columns(info=SST.info, texts=("text",), target="label", form="jsonl"),
        sizes=SST.info.published_sizes,
    ),
    # With the columns of GLUE's SST-2, and without quoting as there.
    Layout(
        name="SST-5 tsv",
        files=files(FOLDERS, train="train.tsv", dev="dev.tsv", test="test.tsv"),
        read=Columns(info=SST.info, texts=("sentence",), target="label", quoting=False),
        sizes=SST.info.published_sizes,
    ),
)
