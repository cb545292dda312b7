"""Fetching, with the Hub's library and a cache folder that a test has filled."""

from pathlib import Path

import pytest

from mtbench.data.fetching import Fetched, fetch
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
    assert names(tmp_path / "data") == ["m/dev.jsonl", "m/train.jsonl"]
    assert (tmp_path / "data/m/dev.jsonl").read_text() == "dev"


def test_a_file_that_is_there_is_kept(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "dev.jsonl").write_text("mine")

    assert fetch(SOURCE, tmp_path) == Fetched(("m/train.jsonl",), ("m/dev.jsonl",))
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
