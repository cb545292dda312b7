from typing import Any

import pytest

from mtbench.components.validation import validate
from mtbench.errors import UsageError
from mtbench.metrics import METRICS
from mtbench_builtins.tasks.table_parameters import OF_CLASSES, OF_SCORES, TableParameters

GIVEN = {"path": "reviews.csv", "text": ["review"], "target": "stars", "classes": 5}
SCORE = {"path": "pairs.tsv", "text": ["a", "b"], "target": "score", "range": [0, 5]}


def parameters(**changes: Any) -> TableParameters:
    return validate(TableParameters, {**GIVEN, **changes}, where="table")


def refusal(given: dict[str, Any]) -> str:
    with pytest.raises(UsageError) as error:
        validate(TableParameters, given, where="table")
    assert "\n" not in str(error.value)
    return str(error.value)


def test_one_column_needs_no_list() -> None:
    assert parameters(text="review") == parameters()


def test_class_names_may_be_numbers() -> None:
    assert parameters(classes=[1, 2, 3]).classes == ("1", "2", "3")
    assert parameters(classes=["no", "yes"]).classes == ("no", "yes")
    assert parameters(classes=[False, True]).classes == ("false", "true")
    assert parameters().classes == 5


def test_every_metric_is_known_for_one_kind_of_target() -> None:
    assert {*OF_CLASSES, *OF_SCORES} == set(METRICS)


def test_the_metric_that_is_named_comes_first() -> None:
    assert parameters().metrics() == ("accuracy", "macro_f1")
    assert parameters(metric="macro_f1").metrics() == ("macro_f1", "accuracy")
    score = validate(TableParameters, {**SCORE, "metric": "spearman"}, where="table")
    assert score.metrics() == ("spearman", "pearson")


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("a.csv", "csv"),
        ("a.TSV", "tsv"),
        ("a.csv.gz", "csv"),
        ("a-{split}.jsonl", "jsonl"),
        ("a.ndjson", "jsonl"),
        ("b/a.parquet", "parquet"),
    ],
)
def test_the_name_tells_the_format(path: str, form: str) -> None:
    assert parameters(path=path).form == form
    assert parameters(path="a.txt", format="tsv").form == "tsv"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"classes": None}, "one of 'classes' and 'range' says what the target is; neither is g"),
        ({"range": [0, 1]}, "one of 'classes' and 'range' says what the target is; both are gi"),
        ({"classes": 1}, "classes: two or more, of different names; given: 1"),
        ({"classes": 0}, "classes: two or more, of different names; given: 0"),
        ({"classes": -3}, "classes: two or more, of different names; given: -3"),
        ({"classes": 10**11}, "classes: at most 100000; given: 100000000000"),
        ({"classes": []}, "classes: two or more, of different names; given: []"),
        ({"classes": ["a"]}, "classes: two or more, of different names; given: ['a']"),
        ({"classes": ["a", "a"]}, "classes: 'a' and 'a' are one class"),
        ({"classes": [1, "b", 1.0]}, "classes: '1' and '1.0' are one class"),
        ({"classes": ["True", True]}, "classes: 'True' and 'true' are one class"),
        ({"classes": True}, "classes: how many, or a list of their names; given: True"),
        ({"classes": 2.5}, "classes: how many, or a list of their names; given: 2.5"),
        ({"classes": "yes"}, "classes: how many, or a list of their names; given: 'yes'"),
        ({"classes": ["", "a"]}, "classes: a name is a text, a number or a boolean, and not ''"),
        ({"classes": [["a"], "b"]}, "classes: a name is a text, a number or a boolean, and not ["),
        ({"classes": None, "range": [1, 0]}, "range: the lower end comes first; given: [1.0, 0.0"),
        (
            {"metric": "acuracy"},
            "unknown metric of classes 'acuracy'; did you mean 'accuracy'? (known: accuracy, mac",
        ),
        (
            {"metric": "pearson"},
            "unknown metric of classes 'pearson' (known: accuracy, macro_f1)",
        ),
        ({"text": []}, "text: value should have at least 1 item"),
        ({"text": ["a", "b", "c"]}, "text: value should have at most 2 items"),
        ({"text": ["a", "a"]}, "the column 'a' is given for two things"),
        ({"id": "stars"}, "the column 'stars' is given for two things"),
        ({"path": "a.xlsx"}, "path: 'a.xlsx' does not tell the format (known: .csv, .tsv"),
        ({"path": "a-{split}.csv", "dev": 0.2}, "{split} in the path tells the split"),
        ({"path": "a-{split}.csv", "split": "part"}, "{split} in the path tells the split"),
        ({"split": "part", "test": 0.2}, "the column 'split' tells the split"),
        ({"dev": 0.9}, "no share is left for train, or none is for dev: dev=0.9, test=0.1"),
        ({"dev": 0}, "no share is left for train, or none is for dev: dev=0.0, test=0.1"),
        ({"path": "a.jsonl", "delimiter": ";"}, "'delimiter' and 'quoting' say nothing of jsonl"),
        ({"path": "a.parquet", "quoting": False}, "'delimiter' and 'quoting' say nothing of par"),
        ({"traget": "x"}, "unknown key 'traget'; did you mean 'target'?"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(changes: dict[str, Any], reason: str) -> None:
    assert refusal({**GIVEN, **changes}).startswith(f"table: {reason}")


def test_what_is_needed() -> None:
    assert refusal({}) == "table: 'path' is missing; 'text' is missing; 'target' is missing"
