"""Every task that mtbench ships runs the whole conformance kit, on files of its layout."""

import json
from pathlib import Path
from typing import Any

import pytest

from mtbench.components.registry import Registry
from mtbench.testing import parametrize_with_checks
from mtbench.testing.checks import Subject
from mtbench.testing.conformance import CHECKS, Examination

ENTRIES = {
    entry.spec.name: entry
    for entry in Registry.load().entries
    if entry.spec.kind == "task" and entry.provider.distribution == "mtl-bench"
}
MADE = {"train": 60, "dev": 30, "test": 30}
"""Examples of the tasks that make their own: as many as a check needs."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with ten rows a file, in the layout of the CS224N project."""
    made = tmp_path_factory.mktemp("data")
    for split in ("train", "dev", "test-student"):
        labelled = split != "test-student"
        for stem, classes in (("ids-sst", 5), ("ids-cfimdb", 2)):
            header = "\tid\tsentence" + "\tsentiment" * labelled
            _write(made / f"{stem}-{split}.csv", header, split, 1, classes if labelled else None)
        for stem, label, values in (("quora", "is_duplicate", 2), ("sts", "similarity", 6)):
            header = "\tid\tsentence1\tsentence2" + f"\t{label}" * labelled
            _write(made / f"{stem}-{split}.csv", header, split, 2, values if labelled else None)
    for split in ("train", "dev", "test"):
        rows = [f"row {place} of {split},{place % 5 + 1}" for place in range(10)]
        file = made / f"reviews-{split}.csv"
        file.write_text("\n".join(["review,stars", *rows]), encoding="utf-8")
    return made


def _write(file: Path, header: str, split: str, sentences: int, values: int | None) -> None:
    rows = [header]
    for place in range(10):
        texts = [f"{word} of row {place}" for word in ("one", "other")[:sentences]]
        label = [] if values is None else [f"{place % values}.0"]
        rows.append("\t".join([str(place), f"{split}-{place}", *texts, *label]))
    file.write_text("\n".join(rows) + "\n", encoding="utf-8")


@pytest.mark.parametrize("name", ENTRIES)
def test_conformance(name: str, folder: Path) -> None:
    given: dict[str, Any] = MADE if name.startswith("sample-") else {}
    outcomes = list(Examination(Subject.of(ENTRIES[name], folder=folder, **given)))
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
    outcomes = list(Examination(Subject.of(ENTRIES["sst"], folder=tmp_path)))
    assert [f"{o.check.name}: {o.message}" for o in outcomes if o.status != "passed"] == []


def test_there_are_some() -> None:
    assert {"sst", "pd", "sts", "cfimdb", "sample-sst", "sample-pd", "sample-sts"} <= set(ENTRIES)


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
