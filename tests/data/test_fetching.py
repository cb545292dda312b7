"""Fetching, with the Hub's library and a cache folder that a test has filled."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from mtbench.data.fetching import Fetched, NotFetched, altered, fetch
from mtbench.data.sources import Source
from mtbench.errors import UsageError

REVISION = "0123456789abcdef0123456789abcdef01234567"
SOURCE = Source(
    name="mine",
    task="sst",
    repository="someone/something",
    revision=REVISION,
    files={"train.jsonl": "m/train.jsonl", "deep/dev.jsonl": "m/dev.jsonl"},
    terms="free",
)


DIGESTS = {
    "train.jsonl": hashlib.sha256(b"train").hexdigest(),
    "deep/dev.jsonl": hashlib.sha256(b"dev").hexdigest(),
}

GIT_HASH_OF_DEV = "90012116c03db04344ab10d50348553aa94f1ea0"
"""As ``git hash-object`` gives it; the Hub calls a small file so."""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a commit in the Hub's cache, with both files; there is no network."""
    folder = tmp_path / "hub"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(folder))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    snapshot = folder / "datasets--someone--something" / "snapshots" / REVISION
    (snapshot / "deep").mkdir(parents=True)
    (snapshot / "train.jsonl").write_text("train")
    (snapshot / "deep" / "dev.jsonl").write_text("dev")
    return snapshot


def names(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_files_are_put_where_the_task_looks_for_them(tmp_path: Path) -> None:
    done = fetch(SOURCE, tmp_path / "data")

    assert done == Fetched(written=("m/train.jsonl", "m/dev.jsonl"), kept=())
    assert names(tmp_path / "data") == ["fetched.json", "m/dev.jsonl", "m/train.jsonl"]
    assert (tmp_path / "data/m/dev.jsonl").read_text() == "dev"


def test_a_file_that_is_there_is_kept(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "dev.jsonl").write_text("mine")

    assert fetch(SOURCE, tmp_path) == Fetched(("m/train.jsonl",), ("m/dev.jsonl",))
    assert altered(SOURCE, tmp_path) == ()  # nobody knows what it should be
    assert (tmp_path / "m" / "dev.jsonl").read_text() == "mine"
    assert fetch(SOURCE, tmp_path) == Fetched((), ("m/train.jsonl", "m/dev.jsonl"))


def test_unless_it_is_to_be_overwritten(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "dev.jsonl").write_text("mine")

    fetch(SOURCE, tmp_path, force=True)

    assert (tmp_path / "m" / "dev.jsonl").read_text() == "dev"


def test_nothing_is_written_where_a_file_cannot_be_had(tmp_path: Path, cache: Path) -> None:
    (cache / "deep" / "dev.jsonl").unlink()

    with pytest.raises(UsageError) as error:
        fetch(SOURCE, tmp_path / "data")

    message = str(error.value)
    assert "\n" not in message
    assert message.startswith("mine: deep/dev.jsonl of someone/something at 0123456789ab was tr")
    for part in (
        f"https://huggingface.co/datasets/someone/something/tree/{REVISION}",
        f"train.jsonl to {tmp_path}/data/m/train.jsonl",
        f"deep/dev.jsonl to {tmp_path}/data/m/dev.jsonl",
    ):
        assert part in message
    assert not (tmp_path / "data").exists()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")

    with pytest.raises(UsageError, match=r"^cannot write .*data/m/train\.jsonl: "):
        fetch(SOURCE, tmp_path / "data")


# --- whether it is what it should be ------------------------------------------------------------


def linked(cache: Path, announced: Mapping[str, str]) -> None:
    """Have files of the cache be links to what is called as the Hub announced, as they are."""
    blobs = cache.parents[1] / "blobs"
    blobs.mkdir()
    for name, etag in announced.items():
        (cache / name).replace(blobs / etag)
        (cache / name).symlink_to(blobs / etag)


def test_a_file_of_a_known_digest_is_fetched(tmp_path: Path, cache: Path) -> None:
    linked(cache, {"train.jsonl": DIGESTS["train.jsonl"], "deep/dev.jsonl": GIT_HASH_OF_DEV})
    source = replace(SOURCE, sha256=DIGESTS)

    assert fetch(source, tmp_path / "data").written == ("m/train.jsonl", "m/dev.jsonl")
    receipts = json.loads((tmp_path / "data" / "fetched.json").read_text())
    assert receipts["m/dev.jsonl"] == {
        "repository": "someone/something",
        "revision": REVISION,
        "path": "deep/dev.jsonl",
        "sha256": DIGESTS["deep/dev.jsonl"],
    }


def test_a_file_of_another_digest_is_refused(tmp_path: Path) -> None:
    source = replace(SOURCE, sha256={**DIGESTS, "deep/dev.jsonl": DIGESTS["train.jsonl"]})

    with pytest.raises(NotFetched) as error:
        fetch(source, tmp_path / "data")

    message = str(error.value)
    assert message.startswith("mine: deep/dev.jsonl of someone/something at 0123456789ab is anot")
    for digest in DIGESTS.values():
        assert digest in message
    assert "\n" not in message
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("announced", ["0" * 64, "0" * 40, GIT_HASH_OF_DEV])
def test_a_file_that_is_not_what_the_hub_announced_is_refused(
    tmp_path: Path, cache: Path, announced: str
) -> None:
    linked(cache, {"train.jsonl": announced})

    with pytest.raises(NotFetched, match=rf"its content is not the {announced} that the Hub had"):
        fetch(SOURCE, tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_a_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFetched, match="is of 5 bytes, where 4 are expected at most"):
        fetch(replace(SOURCE, largest=4), tmp_path / "data")
    assert fetch(replace(SOURCE, largest=5), tmp_path / "data").written


def test_a_file_that_is_no_longer_what_was_fetched_is_told(tmp_path: Path) -> None:
    fetch(SOURCE, tmp_path)
    assert altered(SOURCE, tmp_path) == ()
    (tmp_path / "m/dev.jsonl").write_text("changed")

    assert altered(SOURCE, tmp_path) == ("m/dev.jsonl",)
    assert fetch(SOURCE, tmp_path).altered == ("m/dev.jsonl",)
    assert fetch(SOURCE, tmp_path, force=True).altered == ()
    assert altered(replace(SOURCE, revision="f" * 40), tmp_path) == ()


def test_what_the_hub_has_must_be_what_it_was(tmp_path: Path, cache: Path) -> None:
    """A commit stays what it is; of another one nothing is known yet."""
    fetch(SOURCE, tmp_path)
    (cache / "train.jsonl").write_text("another")

    with pytest.raises(NotFetched, match=r"train\.jsonl .* is another file than it should be"):
        fetch(SOURCE, tmp_path, force=True)
    assert (tmp_path / "m/train.jsonl").read_text() == "train"


def test_what_was_put_there_by_hand_is_compared_with_a_known_digest(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m/train.jsonl").write_text("train")
    (tmp_path / "m/dev.jsonl").write_text("mine")

    assert altered(replace(SOURCE, sha256=DIGESTS), tmp_path) == ("m/dev.jsonl",)


# --- receipts ---------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"7", b'{"a": 7}', b"\xff", b"[" * 9000])
def test_damaged_receipts(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "fetched.json").write_bytes(content)

    with pytest.raises(UsageError, match=r"fetched\.json is damaged: remove it, and fetch the"):
        altered(SOURCE, tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_a_pipe_in_place_of_receipts_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fetched.json")

    with pytest.raises(UsageError, match=r"fetched\.json is damaged"):
        altered(SOURCE, tmp_path)
