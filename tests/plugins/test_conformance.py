"""Every built-in against the whole conformance kit."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mtbench.components.registry import Registry
from mtbench.testing import parametrize_with_checks
from mtbench.testing.checks import Subject
from mtbench.testing.conformance import CHECKS, Examination

ENTRIES = {
    (entry.spec.kind, entry.spec.name): entry
    for entry in Registry.load().entries
    if entry.provider.distribution == "mtl-bench"
}
TASKS = [name for kind, name in ENTRIES if kind == "task"]
MADE = {"train": 60, "dev": 30, "test": 30}
"""Examples of the tasks that make their own: as many as a check needs."""


def test_there_are_built_ins_of_every_kind() -> None:
    assert {kind for kind, _ in ENTRIES} == set(CHECKS)


@parametrize_with_checks(*(f"{kind}:mtl-bench/{n}" for kind, n in ENTRIES if kind != "task"))
def test_conformance(check: Callable[[], None]) -> None:
    check()


@pytest.mark.parametrize("name", ["minbert", "tiny"])
def test_a_frozen_bert_has_nothing_to_train(name: str) -> None:
    subject = Subject.of(ENTRIES["encoder", name], mode="frozen")
    outcomes = {o.check.name: o for o in Examination(subject)}
    assert [
        name for name, o in outcomes.items() if o.message == "it has no parameter that is trained"
    ] == ["gradient-reaches-every-parameter", "segments-equal-tasks-in-turn"]
    assert outcomes["works-in-bfloat16"].status == "passed"


# --- tasks, on files of their layouts ---------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with ten rows a file, in the layout of the CS224N project."""
    made = tmp_path_factory.mktemp("data")
    for split in ("train", "dev", "test-student"):
        for stem, sentences, label, values in (
            ("ids-sst", 1, "sentiment", 5),
            ("ids-cfimdb", 1, "sentiment", 2),
            ("quora", 2, "is_duplicate", 2),
            ("sts", 2, "similarity", 6),
        ):
            columns = ["sentence"] if sentences == 1 else ["sentence1", "sentence2"]
            labelled = [label] if split != "test-student" else []
            rows = [["", "id", *columns, *labelled]]
            for place in range(10):
                texts = [f"{word} of row {place}" for word in ("one", "other")[:sentences]]
                labels = [f"{place % values}.0"] * len(labelled)
                rows.append([str(place), f"{split}-{place}", *texts, *labels])
            text = "".join("\t".join(row) + "\n" for row in rows)
            (made / f"{stem}-{split}.csv").write_text(text, encoding="utf-8")
    for split in ("train", "dev", "test"):
        reviews = [f"row {place} of {split},{place % 5 + 1}" for place in range(10)]
        file = made / f"reviews-{split}.csv"
        file.write_text("\n".join(["review,stars", *reviews]), encoding="utf-8")
    return made


@pytest.mark.parametrize("name", TASKS)
def test_conformance_of_a_task(name: str, folder: Path) -> None:
    given: dict[str, Any] = MADE if name.startswith("sample-") else {}
    subject = Subject.of(ENTRIES["task", name], folder=folder, **given)
    outcomes = list(Examination(subject))
    assert [o.check.name for o in outcomes] == [check.name for check in CHECKS["task"]]
    assert [f"{o.check.name}: {o.message}" for o in outcomes if o.status == "failed"] == []
    reasons = {o.message for o in outcomes if o.status == "not applicable"}
    assert reasons <= {"it reads no files"}


def test_a_public_layout(tmp_path: Path) -> None:
    folder = tmp_path / "sst5"
    folder.mkdir()
    for split in ("train", "dev", "test"):
        rows = [{"text": f"row {i} of {split}", "label": i % 5} for i in range(10)]
        lines = "\n".join(json.dumps(row) for row in rows)
        (folder / f"{split}.jsonl").write_text(lines, encoding="utf-8")
    outcomes = list(Examination(Subject.of(ENTRIES["task", "sst"], folder=tmp_path)))
    assert [f"{o.check.name}: {o.message}" for o in outcomes if o.status != "passed"] == []


def test_a_mark_takes_the_folder(folder: Path) -> None:
    with_data, without = (
        {
            case.id: case.values[0]
            for case in parametrize_with_checks("task:sst", **given).mark.args[1]
        }
        for given in ({"folder": folder}, {})
    )
    with_data["task:sst-ids-are-unique"]()
    with pytest.raises(pytest.skip.Exception, match="it reads files, and no folder"):
        without["task:sst-ids-are-unique"]()
