from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from mtbench.api import Cell, Component
from mtbench_builtins.encoders.refusals import pooler_tasks, rejects
from mtbench_builtins.encoders.shipped import TINY
from mtbench_builtins.tasks.sst import SST
from mtbench_builtins.tasks.sts import STS

Folder = Callable[..., Path]

TASKS = {"sst": SST().describe(), "sts": STS().describe()}


def cell(poolings: Mapping[str, str | None], name: str, mode: str, **parameters: Any) -> Cell:
    encoder = Component(name, {"mode": mode, "max_tokens": None, **parameters})
    heads = {task: Component("linear", {"pooling": pooling}) for task, pooling in poolings.items()}
    return Cell(TASKS, encoder, heads, Component("cycle"), Component("sum"), {})


def test_the_tasks_that_ask_for_the_pooler() -> None:
    poolings = {"sst": "pooler", "sts": None}
    assert pooler_tasks(cell(poolings, "tiny", "finetune")) == ["sst"]
    poolings = {"sst": "mean", "sts": "cls"}
    assert pooler_tasks(cell(poolings, "tiny", "finetune")) == []


@pytest.mark.parametrize(
    ("name", "place"), [("tiny", {}), ("minbert", {"checkpoint": TINY, "revision": None})]
)
def test_a_frozen_pooler_of_random_weights_is_refused(name: str, place: dict[str, Any]) -> None:
    poolings = {"sst": "pooler", "sts": "mean"}
    assert rejects(cell(poolings, name, "frozen", **place)) == (
        "sst would be pooled by a pooler that the checkpoint lacks: frozen, it would stay random; "
        "pool by cls or mean, or fine-tune"
    )
    assert rejects(cell(poolings, name, "finetune", **place)) is None
    assert rejects(cell({"sst": None, "sts": "mean"}, name, "frozen", **place)) is None


def test_a_pooler_that_is_there_is_not_refused(bert_folder: Folder) -> None:
    place = {"checkpoint": str(bert_folder()), "revision": None}
    assert rejects(cell({"sst": "pooler"}, "minbert", "frozen", **place)) is None


def test_random_weights_that_were_asked_for_are_not_refused() -> None:
    place = {"checkpoint": None, "revision": None}
    assert rejects(cell({"sst": "pooler"}, "minbert", "frozen", **place)) is None


def test_a_checkpoint_that_cannot_be_read_is_for_the_fingerprint_to_tell(
    bert_folder: Folder,
) -> None:
    folder = bert_folder(pooler=False)
    place = {"checkpoint": str(folder), "revision": None}
    assert rejects(cell({"sst": "pooler"}, "minbert", "frozen", **place)) is not None
    (folder / "model.safetensors").write_bytes(b"torn")
    assert rejects(cell({"sst": "pooler"}, "minbert", "frozen", **place)) is None
    (folder / "model.safetensors").unlink()
    assert rejects(cell({"sst": "pooler"}, "minbert", "frozen", **place)) is None
