"""Checkpoints of the library transformers: which files they are, and where they lie."""

from pathlib import Path

from mtbench.api import UsageError
from mtbench_builtins.encoders import checkpoints, hub
from mtbench_builtins.encoders.files import digest_of, read_json
from mtbench_builtins.encoders.huggingface.parameters import HuggingFaceParameters
from mtbench_builtins.encoders.sentence_modules import POOLING
from mtbench_builtins.encoders.shipped import SHIPPED

INDEX = ".index.json"
"""Ends the name of a file that tells which tensor is in which of several files."""

NEEDED = {
    "configuration": ("config.json",),
    "weights": (
        "model.safetensors",
        f"model.safetensors{INDEX}",
        hub.PICKLED,
        f"{hub.PICKLED}{INDEX}",
    ),
    "vocabulary": (
        "tokenizer.json",
        *("vocab.txt", "vocab.json"),
        *("spm.model", "spiece.model", "sentencepiece.bpe.model", "sentencepiece.model"),
        "tokenizer.model",
    ),
}
"""What a checkpoint must have, and the files that can be it, the best first."""

OTHERS = (
    *("merges.txt", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"),
    *("bpe.codes", "word_shape.json", "word_pronunciation.json", "entity_vocab.json"),
)
"""What else decides the token ids, where it is there."""

ADAPTER = "adapter_config.json"
OWN_CODE = "its model is code that comes with it, which mtbench does not run"


class Checkpoint(checkpoints.Checkpoint):
    """The files of a checkpoint; its weights may be an index of several files."""

    def weight_files(self) -> list[Path]:
        """Return the files of the weights, an index first.

        Raises:
            UsageError: if the index names none, or one that is not there.
        """
        if not self.weights.name.endswith(INDEX):
            return [self.weights]
        places = read_json(self.weights).get("weight_map")
        if not (isinstance(places, dict) and places):
            raise UsageError(f"{self.weights}: it has no weight_map")
        files = [self.folder / str(name) for name in sorted(set(places.values()))]
        for file in files:
            if not file.is_file():
                raise UsageError(f"{self.weights}: it names {file.name}, which is not there")
        return [self.weights, *files]

    def token_files(self) -> list[Path]:
        """Return the files that decide the token ids: vocabularies, and what says how to use them.

        The configuration is one of them, since it names the kind of tokenizer.
        """
        files = [self.folder / name for name in (*NEEDED["vocabulary"], *OTHERS)]
        return [self.config, *filter(Path.is_file, files)]

    def digest(self) -> str:
        """Return the SHA-256 of what decides the weights and the tokens, wherever it lies.

        Raises:
            UsageError: if a file of the weights is not there.
        """
        pooling = self.folder / POOLING
        others = [pooling] if pooling.is_file() else []
        return digest_of(self.folder, [*self.token_files(), *self.weight_files(), *others])


def find(parameters: HuggingFaceParameters) -> Checkpoint:
    """Return the files of the checkpoint that the parameters name.

    The name of a checkpoint that mtbench ships is that; a folder is taken as it is; anything
    else is a Hub id, looked for in the local cache and then on the network.

    Raises:
        UsageError: if it is nowhere, or files are missing.
    """
    name, revision = parameters.checkpoint, parameters.revision
    folder = SHIPPED.get(name) or Path(name).expanduser()
    if folder.is_file():
        raise UsageError(f"checkpoint {name!r} is a file; give the folder that it is in")
    if folder.is_dir():
        if revision is not None:
            raise UsageError(f"checkpoint {name!r} is a folder: it has no revision {revision!r}")
        return _checkpoint(folder)
    snapshot = hub.cached(name, revision)
    if snapshot is None or _missing(snapshot):
        snapshot = _download(name, revision)
    return _checkpoint(snapshot)


def refuse_own_code(checkpoint: Checkpoint) -> None:
    """Refuse a checkpoint whose model is code of its own, whatever kind it says it is.

    Where the library knows that kind, it would load its own model and say nothing.

    Raises:
        UsageError: if ``auto_map`` names an ``AutoModel``.
    """
    own = read_json(checkpoint.config).get("auto_map")
    if isinstance(own, dict) and "AutoModel" in own:
        raise UsageError(f"{checkpoint.config}: {OWN_CODE} (auto_map: {own['AutoModel']})")


def _checkpoint(folder: Path) -> Checkpoint:
    missing = _missing(folder)
    if missing:
        found = sorted(path.name for path in folder.iterdir())
        listed = ", ".join(found[:10]) + (", ..." if len(found) > 10 else "")
        raise UsageError(
            f"checkpoint {str(folder)!r}: no {', no '.join(missing)} "
            f"(found: {listed or 'nothing'})"
        )
    if (folder / ADAPTER).is_file():
        # The library would load it where another library is installed, and else say nothing.
        raise UsageError(f"{folder / ADAPTER}: merge the adapter into the weights first")
    config, weights, vocabulary = (
        next(folder / name for name in names if (folder / name).is_file())
        for names in NEEDED.values()
    )
    return Checkpoint(folder, config, weights, vocabulary)


def _missing(folder: Path) -> list[str]:
    return [
        f"{part} ({' or '.join(names)})"
        for part, names in NEEDED.items()
        if not any((folder / name).is_file() for name in names)
    ]


def _download(name: str, revision: str | None) -> Path:
    """Fetch a repository's files into the local cache and return their folder."""
    folder = hub.download(name, revision)  # which says what is wrong with the name or the network
    wanted = [*NEEDED["vocabulary"], *OTHERS]
    if not (folder / "model.safetensors").is_file():
        wanted += [f"model.safetensors{INDEX}", "model-*-of-*.safetensors"]
    folder = _fetch(name, revision, wanted)
    if not any((folder / weights).is_file() for weights in NEEDED["weights"]):
        stem = hub.PICKLED.removesuffix(".bin")
        folder = _fetch(name, revision, [f"{hub.PICKLED}{INDEX}", f"{stem}-*-of-*.bin"])
    return folder


def _fetch(name: str, revision: str | None, files: list[str]) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, revision=revision, allow_patterns=files))
    except Exception as error:  # the library's HTTP client, and with it its errors, has changed
        reason = f"{type(error).__name__}: {error}".partition("\n")[0]
        raise UsageError(f"checkpoint {name!r}: it could not be fetched ({reason})") from None
