"""Fetching: public copies of data sets from the Hugging Face Hub into a data folder."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mtbench.data.sources import Source
from mtbench.errors import UsageError


class NotFetched(UsageError):
    """A data set cannot be had from the Hub; its message says what to do by hand."""


@dataclass(frozen=True)
class Fetched:
    """What became of a data set's files, by their paths in the data folder."""

    written: tuple[str, ...]
    kept: tuple[str, ...]


def fetch(source: Source, folder: Path, *, force: bool = False) -> Fetched:
    """Get the files of a data set, one by one, and put them where its task looks for them.

    They come through the Hub's own cache. Each is written under a temporary name and renamed.

    Args:
        folder: the data folder; it is made where it is not there.
        force: whether to overwrite files that are there.

    Raises:
        NotFetched: if the Hub cannot be reached or has no such file.
        UsageError: if the folder cannot be written.
    """
    wanted = {
        path: target
        for path, target in source.files.items()
        if force or not (folder / target).exists()
    }
    try:
        cached = {target: _download(source, path) for path, target in wanted.items()}
    except NotFetched as error:
        raise NotFetched(
            f"{source.name}: {error}; by hand: from {source.page}, on a machine with a network, "
            "put " + ", ".join(f"{there} to {folder / here}" for there, here in wanted.items())
        ) from None
    _write(cached, folder)
    kept = (target for target in source.files.values() if target not in cached)
    return Fetched(tuple(cached), tuple(kept))


def _download(source: Source, path: str) -> Path:
    """Return the file in the Hub's cache; ``NotFetched`` where it cannot be had."""
    from huggingface_hub.errors import (
        EntryNotFoundError,
        GatedRepoError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        return _from_hub(source, path, local=True)
    except LocalEntryNotFoundError:
        pass  # not fetched before
    try:
        _knock()
        return _from_hub(source, path)
    except GatedRepoError:
        reason = "the repository asks for a login ('hf auth login')"
    except LocalEntryNotFoundError:
        reason = "the Hugging Face Hub could not be reached"
    except (RepositoryNotFoundError, RevisionNotFoundError, EntryNotFoundError) as error:
        reason = f"the Hub does not have it any more ({type(error).__name__})"
    except Exception as error:  # the library's HTTP client, and with it its errors, has changed
        reason = f"the Hugging Face Hub could not be reached ({_one_line(error)})"
    raise NotFetched(
        f"{path} of {source.repository} at {source.revision[:12]} was tried, and {reason}"
    )


def _from_hub(source: Source, path: str, *, local: bool = False) -> Path:
    from huggingface_hub import hf_hub_download

    return Path(
        hf_hub_download(
            source.repository,
            path,
            repo_type="dataset",
            revision=source.revision,
            local_files_only=local,
        )
    )


def _knock() -> None:
    """Raise at once where there is no network; the library itself would try for half a minute."""
    from huggingface_hub import constants, get_session

    get_session().head(constants.ENDPOINT, timeout=10)


def _write(cached: Mapping[str, Path], folder: Path) -> None:
    for target, file in cached.items():
        path = folder / target
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                shutil.copyfile(file, temporary)
                temporary.replace(path)
            finally:
                temporary.unlink(missing_ok=True)
        except OSError as error:
            raise UsageError(f"cannot write {path}: {error.strerror}") from None


def _one_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".partition("\n")[0]
