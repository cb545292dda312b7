from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from mtbench.api import Cell, Component
from mtbench_builtins.encoders.huggingface.cells import caveat, rejects
from mtbench_builtins.encoders.shipped import TINY
from mtbench_builtins.tasks.sts import STS

Folder = Callable[..., Path]


def cell(checkpoint: object, mode: str, pooling: str | None = "pooler") -> Cell:
    place: dict[str, Any] = {"checkpoint": str(checkpoint), "revision": None}
    encoder = Component("huggingface", {"mode": mode, "max_tokens": None, **place})
    heads = {"sts": Component("linear", {"pooling": pooling})}
    tasks = {"sts": STS().describe()}
    return Cell(tasks, encoder, heads, Component("cycle"), Component("sum"), {})


def test_a_pooler_that_the_checkpoint_lacks() -> None:
    assert rejects(cell(TINY, "frozen")) == (
        "sts would be pooled by a pooler that the checkpoint lacks: frozen, it would stay random; "
        "pool by cls or mean, or fine-tune"
    )
    assert rejects(cell(TINY, "frozen", "mean")) is None
    assert rejects(cell(TINY, "finetune")) is None
    assert caveat(cell(TINY, "finetune")) == [
        "tiny has no pooler: that of sts began as random weights"
    ]
    assert caveat(cell(TINY, "finetune", None)) == []


@pytest.mark.parametrize(("family", "lacks"), [("roberta", True), ("distilbert", False)])
def test_a_model_without_a_pooler_of_its_own_gives_the_first_token(
    folder_of: Folder, family: str, lacks: bool
) -> None:
    folder = folder_of(family)
    assert rejects(cell(folder, "frozen")) is None
    file = folder / "model.safetensors"
    save_file({n: t for n, t in load_file(file).items() if "pooler" not in n}, file)
    assert (rejects(cell(folder, "frozen")) is not None) is lacks
    assert bool(caveat(cell(folder, "finetune"))) is lacks


def test_what_a_folder_says_is_told(folder_of: Folder) -> None:
    folder = folder_of("roberta")
    (folder / "sentence_roberta_config.json").write_text('{"max_seq_length": 8}')
    (folder / "modules.json").write_text('[{"type": "x.models.Dense", "path": "2_Dense"}]')
    assert caveat(cell(folder, "frozen", "mean")) == [
        "roberta has modules that are left out: Dense (2_Dense)",
        "roberta was made for texts of at most 8 tokens (max_seq_length), and is given up to 18 "
        "(max_tokens)",
    ]
