"""BERT checkpoints in the Hugging Face layout: which files they are, and what they declare."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mtbench.api import UsageError
from mtbench_builtins.encoders import hub, sentence_modules
from mtbench_builtins.encoders.files import digest_of, read_json
from mtbench_builtins.encoders.parameters import BertParameters
from mtbench_builtins.encoders.shape import Shape, from_config
from mtbench_builtins.encoders.shipped import SHIPPED

NEEDED = {
    "configuration": ("config.json",),
    "weights": ("model.safetensors", hub.PICKLED),
    "vocabulary": ("tokenizer.json", "vocab.txt"),
}
"""What a checkpoint must have, and the files that can be it, the best first."""

OTHERS = (
    *("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"),
    sentence_modules.POOLING,
)
"""What else decides the token ids and how embeddings are taken, where it is there."""


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

    def declared_pooling(self) -> Literal["cls", "mean"] | None:
        """Return the pooling that it was trained with, where it says so.

        Raises:
            UsageError: if it is one that mtbench has not.
        """
        return sentence_modules.pooling(self.folder)

    def digest(self) -> str:
        """Return the SHA-256 of what decides the weights and the tokens, wherever it lies."""
        others = [self.folder / name for name in OTHERS if (self.folder / name).is_file()]
        return digest_of(self.folder, [self.config, self.weights, self.vocabulary, *others])


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
