"""Folders of the Hugging Face Hub, from the local cache or over the network."""

from pathlib import Path

from mtbench.api import UsageError
from mtbench_builtins.encoders.sentence_modules import POOLING

FILES = (
    "config.json",
    "model.safetensors",
    "vocab.txt",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "modules.json",
    "sentence_*_config.json",
    POOLING,
)
"""What a BERT is made of, and what it declares; of a repository, nothing else is fetched."""
PICKLED = "pytorch_model.bin"
"""Fetched only where the weights come in no other form."""


def cached(repository: str, revision: str | None) -> Path | None:
    """Return the folder of a revision in the local cache, or None; it may lack files."""
    from huggingface_hub.errors import HFValidationError

    try:
        return _fetch(repository, revision, FILES, local=True)
    except (OSError, HFValidationError):
        return None


def download(repository: str, revision: str | None) -> Path:
    """Fetch a repository's files into the local cache and return their folder.

    Raises:
        UsageError: if there is no such repository or revision, or the Hub cannot be reached.
    """
    from huggingface_hub.errors import (
        GatedRepoError,
        HFValidationError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        folder = _fetch(repository, revision, FILES)
        if not (folder / "model.safetensors").is_file():
            folder = _fetch(repository, revision, (PICKLED,))
        return folder
    except HFValidationError:
        reason = "it is no name of a Hub repository either"
    except RevisionNotFoundError:
        reason = f"the Hub's repository has no revision {revision!r}"
    except GatedRepoError:
        reason = "the Hub's repository asks for a login ('hf auth login')"
    except RepositoryNotFoundError:
        reason = "the Hub has no such repository"
    except Exception as error:  # the library's HTTP client, and with it its errors, has changed
        reason = f"the Hugging Face Hub could not be reached ({_one_line(error)})"
    raise UsageError(f"checkpoint {repository!r}: it is no folder here, and {reason}")


def _fetch(
    repository: str, revision: str | None, files: tuple[str, ...], *, local: bool = False
) -> Path:
    from huggingface_hub import snapshot_download

    return Path(
        snapshot_download(
            repository, revision=revision, allow_patterns=list(files), local_files_only=local
        )
    )


def _one_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".partition("\n")[0]
