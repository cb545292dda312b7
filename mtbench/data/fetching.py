"""Fetching: public copies of data sets from the Hugging Face Hub into a data folder."""

import hashlib
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mtbench.data.sources import Source
from mtbench.errors import UsageError
from mtbench.system.files import digest_of, parse_object, read_file, reason_of, renamed, write_json
from mtbench.system.tracebacks import summary

HASH = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")
"""A hash of Git, or a SHA-256."""

RECEIPTS = "fetched.json"
"""File of a data folder with a receipt of each file that was fetched into it."""

Receipt = Mapping[str, str]
"""The ``repository``, ``revision`` and ``path`` that a file came from, and its ``sha256``."""


class NotFetched(UsageError):
    """A data set cannot be had from the Hub; its message says what to do by hand."""


@dataclass(frozen=True)
class Fetched:
    """What became of a data set's files, by their paths in the data folder.

    Attributes:
        written: files that were fetched.
        kept: files that were there.
        altered: those of them whose content is not what is published.
    """

    written: tuple[str, ...]
    kept: tuple[str, ...]
    altered: tuple[str, ...] = ()


def fetch(source: Source, folder: Path, *, force: bool = False) -> Fetched:
    """Get the files of a data set, one by one, and put them where its task looks for them.

    They come through the Hub's own cache. Each is compared with the digest that is known of it,
    and with what the Hub says of it; it is written under a temporary name and renamed, and noted
    among the folder's receipts.

    Args:
        folder: the data folder; it is made where it is not there.
        force: whether to overwrite files that are there.

    Raises:
        NotFetched: if the Hub cannot be reached or has no such file, or another than it should.
        UsageError: if the folder cannot be written, or its receipts cannot be read.
    """
    wanted = {
        path: target
        for path, target in source.files.items()
        if force or not (folder / target).exists()
    }
    published = _published(source, folder)
    try:
        cached = {
            target: _checked(source, path, _download(source, path), published.get(target))
            for path, target in wanted.items()
        }
    except NotFetched as error:
        raise NotFetched(
            f"{source.name}: {error}; by hand: from {source.page}, on a machine with a network, "
            "put " + ", ".join(f"{there} to {folder / here}" for there, here in wanted.items())
        ) from None
    _write(source, cached, folder)
    kept = tuple(target for target in source.files.values() if target not in cached)
    return Fetched(tuple(cached), kept, altered(source, folder))


def altered(source: Source, folder: Path) -> tuple[str, ...]:
    """Return the files of a data set that are in a folder, and are not as they are published.

    A file of which no digest is known is as published where it is still what was fetched.

    Raises:
        UsageError: if a file, or the folder's receipts, cannot be read.
    """
    return tuple(
        target
        for target, digest in _published(source, folder).items()
        if (folder / target).is_file() and _sha256(folder / target) != digest
    )


def _published(source: Source, folder: Path) -> dict[str, str]:
    """Return the digests of a data set's files, by their paths in the data folder.

    They are those that the source has, and of other files those of the folder's receipts.
    """
    receipts = _receipts(folder)
    published = {}
    for path, target in source.files.items():
        receipt = receipts.get(target, {})
        if path in source.sha256:
            published[target] = source.sha256[path]
        elif receipt.get("revision") == source.revision:
            published[target] = receipt.get("sha256", "")
    return published


def _receipts(folder: Path) -> dict[str, Receipt]:
    """Return the receipts of a data folder, by the files' paths in it."""
    path = folder / RECEIPTS
    try:
        receipts = parse_object(read_file(path))
        return {target: {**receipt} for target, receipt in receipts.items()}
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError, TypeError):
        raise UsageError(f"{path} is damaged: remove it, and fetch the data sets again") from None


def _sha256(file: Path) -> str:
    try:
        return digest_of(file)
    except OSError as error:
        raise UsageError(f"cannot read {file}: {reason_of(error)}") from None


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
        _check_size(source, path, _announced_size(source, path))
        return _from_hub(source, path)
    except NotFetched:
        raise
    except GatedRepoError:
        reason = "the repository asks for a login ('hf auth login')"
    except LocalEntryNotFoundError:
        reason = "the Hugging Face Hub could not be reached"
    except (RepositoryNotFoundError, RevisionNotFoundError, EntryNotFoundError) as error:
        reason = f"the Hub does not have it any more ({type(error).__name__})"
    except Exception as error:  # the library's HTTP client, and with it its errors, has changed
        reason = f"the Hugging Face Hub could not be reached ({summary(error)})"
    raise NotFetched(f"{_named(source, path)} was tried, and {reason}")


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


def _announced_size(source: Source, path: str) -> int | None:
    """Return how many bytes the Hub says that a file has, or None where it does not.

    Where there is no network it raises at once; a download would be tried for half a minute.
    """
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    url = hf_hub_url(source.repository, path, repo_type="dataset", revision=source.revision)
    return get_hf_file_metadata(url, timeout=10).size


def _check_size(source: Source, path: str, size: int | None) -> None:
    if size is not None and size > source.largest:
        raise NotFetched(
            f"{_named(source, path)} is of {size:,} bytes, where {source.largest:,} are expected "
            "at most"
        )


def _checked(source: Source, path: str, file: Path, digest: str | None) -> Path:
    """Return a file of the Hub's cache if it is what it should be; else ``NotFetched``.

    Args:
        digest: its SHA-256, where that is known.
    """
    _check_size(source, path, file.stat().st_size)
    content = _sha256(file)
    announced = file.resolve().name  # the cache names a file by what the Hub says of its content
    if digest not in (None, content):
        problem = f"its SHA-256 is {content}, and {digest} was published"
    elif HASH.fullmatch(announced) and announced not in (content, _git_hash(file)):
        problem = f"its content is not the {announced} that the Hub had announced"
    else:
        return file
    raise NotFetched(
        f"{_named(source, path)} is another file than it should be: {problem} (in the cache: "
        f"{file.resolve()}, which can be removed)"
    )


def _git_hash(file: Path) -> str:
    """Return the hash that Git has of a file, which the Hub announces of a small one."""
    content = file.read_bytes()
    return hashlib.sha1(
        f"blob {len(content)}\0".encode() + content, usedforsecurity=False
    ).hexdigest()


def _write(source: Source, cached: Mapping[str, Path], folder: Path) -> None:
    """Put files where they belong, and note them among the folder's receipts."""
    paths = {target: path for path, target in source.files.items()}
    for target, file in cached.items():
        path = folder / target
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with renamed(path) as temporary:
                shutil.copyfile(file, temporary)
            receipt = {
                "repository": source.repository,
                "revision": source.revision,
                "path": paths[target],
                "sha256": digest_of(path),
            }
            write_json(folder / RECEIPTS, {**_receipts(folder), target: receipt})
        except OSError as error:
            raise UsageError(f"cannot write {path}: {error.strerror}") from None


def _named(source: Source, path: str) -> str:
    return f"{path} of {source.repository} at {source.revision[:12]}"
