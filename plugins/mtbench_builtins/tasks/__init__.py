"""Tasks: the four of the CS224N project, anyone's own table, and three made samples."""

from collections.abc import Iterable

from mtbench.api import TaskSpec, hookimpl


@hookimpl
def mtbench_tasks() -> Iterable[TaskSpec]:
    """Return the built-in tasks."""
    return (
        TaskSpec(
            name="sst",
            summary="sentiment of a sentence from a film review, 5 classes",
            target="mtbench_builtins.tasks.sst:SST",
            layouts="mtbench_builtins.tasks.sst_layouts:LAYOUTS",
            paper="Socher et al., 2013, Recursive deep models for semantic compositionality over "
            "a sentiment treebank",
        ),
        TaskSpec(
            name="pd",
            summary="whether two questions of Quora are paraphrases, yes or no",
            target="mtbench_builtins.tasks.quora:Quora",
            layouts="mtbench_builtins.tasks.quora_layouts:LAYOUTS",
            paper="Iyer, Dandekar and Csernai, 2017, First Quora dataset release: question pairs",
        ),
        TaskSpec(
            name="sts",
            summary="semantic similarity of two sentences, 0 to 5",
            target="mtbench_builtins.tasks.sts:STS",
            layouts="mtbench_builtins.tasks.sts_layouts:LAYOUTS",
            paper="Cer et al., 2017, SemEval-2017 task 1: semantic textual similarity "
            "multilingual and crosslingual focused evaluation",
        ),
        TaskSpec(
            name="cfimdb",
            summary="sentiment of a long, polar film review, 2 classes",
            target="mtbench_builtins.tasks.cfimdb:CFIMDB",
            paper="Kaushik, Hovy and Lipton, 2020, Learning the difference that makes a "
            "difference with counterfactually-augmented data",
        ),
        TaskSpec(
            name="table",
            summary="your own CSV, TSV, JSON lines or Parquet: texts or pairs, classes or scores",
            target="mtbench_builtins.tasks.table:Table",
            parameters="mtbench_builtins.tasks.table_parameters:TableParameters",
            locations=frozenset({"path"}),
            example={
                "path": "reviews-{split}.csv",
                "text": ["review"],
                "target": "stars",
                "classes": [1, 2, 3, 4, 5],
            },
        ),
        TaskSpec(
            name="sample-sst",
            summary="made sentences, sentiment in 5 classes; needs no data folder",
            target="mtbench_builtins.tasks.sample:SampleSST",
            parameters="mtbench_builtins.tasks.sample_parameters:SampleSSTParameters",
        ),
        TaskSpec(
            name="sample-pd",
            summary="made pairs of sentences, paraphrases or not; needs no data folder",
            target="mtbench_builtins.tasks.sample:SamplePD",
            parameters="mtbench_builtins.tasks.sample_parameters:SamplePDParameters",
        ),
        TaskSpec(
            name="sample-sts",
            summary="made pairs of sentences, similarity from 0 to 5; needs no data folder",
            target="mtbench_builtins.tasks.sample:SampleSTS",
            parameters="mtbench_builtins.tasks.sample_parameters:SampleSTSParameters",
        ),
    )
