"""Whole runs, through the runner."""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mtbench.runs.runner import execute
from mtbench.store import HISTORY

Folder = Callable[..., Path]

JOINED = {"name": "linear", "pair": "joined"}


def losses(run: Any) -> list[list[float]]:
    """Return each step's losses."""
    lines = map(json.loads, (run.path / HISTORY).read_text().splitlines())
    return [list(line["losses"].values()) for line in lines if "losses" in line]


@pytest.mark.parametrize("combiner", ["sum", "pcgrad"])
def test_trains_as_minbert_does_on_the_same_checkpoint(
    trained: Callable[..., Any], combiner: str
) -> None:
    shared: Mapping[str, Any] = {"combiner": combiner, "heads": {"pd": JOINED}}
    given = {"checkpoint": "tiny", "dropout": 0.0}
    minbert, ours = (
        trained({**shared, "encoder": {"name": name, **given}, "train": {"dropout": 0.0}})
        for name in ("minbert", "huggingface")
    )
    first, second = (run.result().hashes for run in (minbert, ours))
    assert first.batches == second.batches
    np.testing.assert_allclose(losses(ours), losses(minbert), rtol=2e-3)
    assert len(losses(ours)) == 3
    np.testing.assert_allclose(losses(ours)[0], losses(minbert)[0], rtol=1e-5)


def test_a_pooler_that_is_drawn_goes_by_the_seed(trained: Callable[..., Any]) -> None:
    def weights(seed: int, head: str) -> str:
        changes = {"encoder": {"name": "huggingface", "checkpoint": "tiny"}, "heads.sts": head}
        hashes = trained(changes, seed=seed).result().hashes
        digest: str = hashes.initial_weights["encoder"]
        return digest

    assert weights(0, "linear") == weights(0, "relu-cosine")
    assert weights(0, "linear") != weights(1, "linear")


def test_a_folder_that_moves_keeps_its_key(
    request_run: Callable[..., Any], folder_of: Folder, tmp_path: Path
) -> None:
    folder = folder_of("roberta")

    def run(checkpoint: Path) -> Any:
        encoder = {"name": "huggingface", "checkpoint": str(checkpoint), "mode": "frozen"}
        return request_run({"encoder": encoder})

    first = run(folder)
    execute(first)
    assert first.state() == "done"
    moved = shutil.move(folder, tmp_path / "elsewhere")
    assert run(moved).path == first.path
    (moved / "merges.txt").write_text("a d\n")
    assert run(moved).path != first.path
