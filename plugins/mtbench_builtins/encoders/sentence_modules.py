"""Modules of sentence-transformers that a checkpoint's folder declares beside its encoder."""

from pathlib import Path
from typing import Any, Literal

from mtbench.api import UsageError
from mtbench_builtins.encoders.files import read_any_json, read_json

POOLING = "1_Pooling/config.json"
POOLINGS: dict[str, Literal["cls", "mean"]] = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_mean_tokens": "mean",
    "cls": "cls",
    "mean": "mean",
}
"""Modes of sentence-transformers: keys that are true, or (from its version 5) one name."""
FOLLOWED = ("Transformer", "Pooling", "Normalize")
"""Modules that are the encoder, what is taken from it, or what no head takes from it."""


def pooling(folder: Path) -> Literal["cls", "mean"] | None:
    """Return the pooling that a checkpoint was trained with, where it says so.

    Raises:
        UsageError: if it is one that mtbench has not.
    """
    file = folder / POOLING
    if not file.is_file():
        return None
    config = read_json(file)
    modes: list[Any] = [
        key for key, value in config.items() if "pooling_mode_" in key and value is True
    ]
    if "pooling_mode" in config:
        named = config["pooling_mode"]
        modes = named if isinstance(named, list) else [named]
    if len(modes) != 1 or str(modes[0]) not in POOLINGS:
        raise UsageError(
            f"{file}: declares the pooling {modes}; known are cls and mean, one of them"
        )
    return POOLINGS[str(modes[0])]


def left_out(folder: Path) -> list[str]:
    """Return the modules that change embeddings and are left out, by their names and folders.

    Raises:
        UsageError: if ``modules.json`` is no list of modules.
    """
    file = folder / "modules.json"
    if not file.is_file():
        return []
    modules = read_any_json(file)
    if not isinstance(modules, list) or not all(isinstance(module, dict) for module in modules):
        raise UsageError(f"{file}: expected a list of modules")
    kinds = [
        (str(module.get("type")).rpartition(".")[2], str(module.get("path"))) for module in modules
    ]
    return [
        f"{kind} ({path})"
        for kind, path in kinds
        if kind not in FOLLOWED or (kind == "Pooling" and f"{path}/config.json" != POOLING)
    ]


def longest(folder: Path) -> int | None:
    """Return at how many tokens sentence-transformers cuts (``max_seq_length``), if it says so.

    Raises:
        UsageError: if a configuration is no JSON object.
    """
    # Its name has the kind of model in it, as in sentence_bert_config.json.
    for file in sorted(folder.glob("sentence_*_config.json")):
        length = read_json(file).get("max_seq_length")
        if isinstance(length, int) and not isinstance(length, bool):
            return length
    return None
