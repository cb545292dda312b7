"""BERT checkpoints in the Hugging Face layout: which files they are, and what they declare."""

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from mtbench.api import UsageError
from mtbench_builtins.encoders import hub
from mtbench_builtins.encoders.parameters import BertParameters
from mtbench_builtins.encoders.shape import Shape, from_config
from mtbench_builtins.encoders.shipped import SHIPPED
from mtbench_builtins.encoders.vocabulary import vocabulary

NEEDED = {
    "configuration": ("config.json",),
    "weights": ("model.safetensors", hub.PICKLED),
    "vocabulary": ("tokenizer.json", "vocab.txt"),
}
"""What a checkpoint must have, and the files that can be it, the best first."""

POOLINGS: dict[str, Literal["cls", "mean"]] = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_mean_tokens": "mean",
    "cls": "cls",
    "mean": "mean",
}
"""Modes of sentence-transformers: keys that are true, or (from its version 5) one name."""


@dataclass(frozen=True)
class Checkpoint:
    """The files of a checkpoint.

    Attributes:
        folder: where they are.
        config: ``config.json``.
        weights: ``model.safetensors`` or ``pytorch_model.bin``.
        vocabulary: ``tokenizer.json`` or ``vocab.txt``.
    """

    folder: Path
    config: Path
    weights: Path
    vocabulary: Path

    def shape(self) -> Shape:
        """Return the shape of its weights.

        Raises:
            UsageError: if it is no BERT.
        """
        return from_config(read_json(self.config), str(self.config))

    def tokenizer_config(self) -> dict[str, Any]:
        """Return what ``tokenizer_config.json`` says; empty where there is none."""
        file = self.folder / "tokenizer_config.json"
        return read_json(file) if file.is_file() else {}

    def declared_pooling(self) -> Literal["cls", "mean"] | None:
        """Return the pooling that it was trained with, where it says so.

        Raises:
            UsageError: if it is one that mtbench has not.
        """
        file = self.folder / "1_Pooling" / "config.json"
        if not file.is_file():
            return None
        config = read_json(file)
        modes = [key for key, value in config.items() if "pooling_mode_" in key and value is True]
        if "pooling_mode" in config:
            modes = [config["pooling_mode"]]
        if len(modes) != 1 or modes[0] not in POOLINGS:
            raise UsageError(f"{file}: declares the pooling {modes}; known are cls and mean")
        return POOLINGS[modes[0]]

    def digest(self) -> str:
        """Return the SHA-256 of what decides the weights and the tokens, wherever it lies."""
        names = ("tokenizer_config.json", "1_Pooling/config.json")
        others = [self.folder / name for name in names if (self.folder / name).is_file()]
        digest = hashlib.sha256()
        for file in (self.config, self.weights, self.vocabulary, *others):
            digest.update(
                f"{file.relative_to(self.folder).as_posix()} {file_hash(file)}\n".encode()
            )
        return digest.hexdigest()


def find(parameters: BertParameters) -> Checkpoint | None:
    """Return the files of the checkpoint that the parameters name; None where they name none.

    The name of a checkpoint that mtbench ships is that, whatever lies in the working directory.
    A folder is taken as it is; anything else is a Hub id, looked for in the local cache and
    then on the network.

    Raises:
        UsageError: if it is nowhere, or files are missing.
    """
    name, revision = parameters.checkpoint, parameters.revision
    if name is None:
        return None
    if name in SHIPPED:
        if revision is not None:
            raise UsageError(
                f"checkpoint {name!r} comes with mtbench: it has no revision {revision!r}"
            )
        return _checkpoint(SHIPPED[name])
    folder = Path(name).expanduser()
    if folder.is_file():
        raise UsageError(f"checkpoint {name!r} is a file; give the folder that it is in")
    if folder.is_dir():
        if revision is not None:
            raise UsageError(f"checkpoint {name!r} is a folder: it has no revision {revision!r}")
        return _checkpoint(folder)
    snapshot = hub.cached(name, revision)
    if snapshot is None or _missing(snapshot):
        snapshot = hub.download(name, revision)
    return _checkpoint(snapshot)


def fingerprint(parameters: BertParameters) -> str:
    """Return the SHA-256 of what decides the initial weights and the tokens.

    That is the bytes of the checkpoint's files, never their path; without a checkpoint it is
    the vocabulary.

    Raises:
        UsageError: if the checkpoint is nowhere, or files are missing.
    """
    checkpoint = find(parameters)
    if checkpoint is None:
        return hashlib.sha256("\n".join(vocabulary()).encode()).hexdigest()
    return checkpoint.digest()


def read_json(file: Path) -> dict[str, Any]:
    """Return the object in a JSON file.

    Raises:
        UsageError: if it holds anything else.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UsageError(f"{file}: no JSON in UTF-8 ({error})") from None
    if not isinstance(content, dict):
        raise UsageError(f"{file}: expected a JSON object")
    return content


def _checkpoint(folder: Path) -> Checkpoint:
    missing = _missing(folder)
    if missing:
        found = sorted(path.name for path in folder.iterdir())
        listed = ", ".join(found[:10]) + (", ..." if len(found) > 10 else "")
        raise UsageError(
            f"checkpoint {str(folder)!r}: no {', no '.join(missing)} "
            f"(found: {listed or 'nothing'})"
        )
    files = {
        part: next(folder / name for name in names if (folder / name).is_file())
        for part, names in NEEDED.items()
    }
    return Checkpoint(folder, files["configuration"], files["weights"], files["vocabulary"])


def _missing(folder: Path) -> list[str]:
    return [
        f"{part} ({' or '.join(names)})"
        for part, names in NEEDED.items()
        if not any((folder / name).is_file() for name in names)
    ]


def file_hash(file: Path) -> str:
    """Return the SHA-256 of a file; one that did not change is read once a process."""
    status = file.stat()
    return _hash_once((file.resolve(), status.st_size, status.st_mtime_ns))


@lru_cache(maxsize=256)
def _hash_once(version: tuple[Path, int, int]) -> str:
    """Return the SHA-256 of a file: read once a process, unless its size or time changes."""
    with version[0].open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
