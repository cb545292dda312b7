"""What lies in a run's folder is what was written, or damaged: every file, every way."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from mtbench.store import (
    CHECKPOINT,
    DAMAGE,
    HISTORY,
    LOCK,
    LOG,
    OWNER,
    PREDICTIONS,
    REQUEST,
    RESULT,
    Damaged,
    Failure,
    RunFolder,
)
from mtbench.store.integrity import BLANK
from mtbench.system.files import as_text, parse_object, write_json

JSON = (REQUEST, RESULT)
LARGE = (PREDICTIONS, CHECKPOINT)


@pytest.fixture
def run(trained: Callable[..., RunFolder], tmp_path: Path) -> RunFolder:
    """A copy of a run that was really trained."""
    original = trained()
    return RunFolder(shutil.copytree(original.path, tmp_path / "runs" / original.key))


def damage_of(run: RunFolder) -> str:
    record = run.record()
    assert record.state == "damaged"
    assert record.result is None
    assert record.damage
    assert "\n" not in record.damage
    return record.damage


def write_sealed(run: RunFolder, result: Mapping[str, Any]) -> None:
    """Write a result with the digest that fits it."""
    text = as_text({**result, "digest": BLANK})
    digest = hashlib.sha256(text.encode()).hexdigest()
    (run.path / RESULT).write_text(text.replace(BLANK, digest), encoding="utf-8")


def samples(length: int) -> list[int]:
    return sorted({0, 1, 2, *range(0, length, 97), length - 2, length - 1})


def test_what_was_trained_is_sound_and_sealed(run: RunFolder) -> None:
    record = run.record()
    assert (record.state, record.damage) == ("done", "")
    assert record.request == run.request()
    assert record.request.model_dump() == json.loads((run.path / REQUEST).read_text())
    assert record.result is not None
    assert record.result == run.result()
    assert list(record.result.files) == [REQUEST, PREDICTIONS, CHECKPOINT]
    for name in LARGE:
        run.check(name)
        assert run.content(name) == (run.path / name).read_bytes()


@pytest.mark.parametrize("name", JSON)
def test_a_file_that_is_torn_anywhere(run: RunFolder, name: str) -> None:
    content = (run.path / name).read_bytes()
    for length in samples(len(content)):
        (run.path / name).write_bytes(content[:length])
        assert damage_of(run).startswith(f"{name}: ")


@pytest.mark.parametrize("name", JSON)
def test_no_beginning_of_a_file_is_one(run: RunFolder, name: str) -> None:
    content = (run.path / name).read_bytes()
    for length in range(len(content.rstrip())):
        with pytest.raises(ValueError, match=r"^(empty|torn, or no JSON|not UTF-8)$"):
            parse_object(content[:length])


@pytest.mark.parametrize("name", JSON)
def test_a_byte_that_is_another(run: RunFolder, name: str) -> None:
    content = (run.path / name).read_bytes()
    for place in samples(len(content)):
        changed = bytearray(content)
        changed[place] ^= 1
        (run.path / name).write_bytes(changed)
        assert damage_of(run).startswith(f"{name}: ")


@pytest.mark.parametrize("name", [REQUEST, RESULT, PREDICTIONS, CHECKPOINT])
@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"null", b"\xff\xfe", b"[" * 50_000])
def test_a_file_of_something_else(run: RunFolder, name: str, content: bytes) -> None:
    (run.path / name).write_bytes(content)
    assert damage_of(run).startswith(f"{name}: ")


@pytest.mark.parametrize("name", [REQUEST, PREDICTIONS, CHECKPOINT])
def test_a_file_that_is_gone(run: RunFolder, name: str) -> None:
    (run.path / name).unlink()
    assert damage_of(run) == f"{name}: not there"


NO_FILES: dict[str, Callable[[Path], object]] = {
    "folder": Path.mkdir,
    "pipe": os.mkfifo,
    "device": lambda path: path.symlink_to("/dev/zero"),
    "lost link": lambda path: path.symlink_to("nowhere"),
}


@pytest.mark.parametrize("make", NO_FILES.values(), ids=NO_FILES)
@pytest.mark.parametrize(
    "name", [REQUEST, RESULT, HISTORY, LOG, PREDICTIONS, CHECKPOINT, LOCK, OWNER, DAMAGE]
)
def test_what_is_no_file_in_place_of_one(
    run: RunFolder, name: str, make: Callable[[Path], object]
) -> None:
    (run.path / name).unlink(missing_ok=True)
    make(run.path / name)
    assert damage_of(run) == f"{name}: no regular file"
    assert run.last_event() is None or name != HISTORY


def test_folders_that_were_exchanged(
    run: RunFolder, trained: Callable[..., RunFolder], tmp_path: Path
) -> None:
    other = RunFolder(shutil.copytree(trained(seed=1).path, tmp_path / "other"))
    away = run.path.rename(tmp_path / "away")
    other.path.rename(run.path)
    assert damage_of(run).startswith("result.json: of another run, ")

    (run.path / RESULT).unlink()
    assert damage_of(run).startswith("run.json: of another run, ")
    shutil.copy(away / RESULT, run.path / RESULT)
    assert damage_of(run).partition(":")[0] in (REQUEST, *LARGE)


@pytest.mark.parametrize("name", [REQUEST, RESULT, *LARGE])
def test_files_that_were_exchanged(
    run: RunFolder, trained: Callable[..., RunFolder], name: str
) -> None:
    shutil.copy(trained(seed=1).path / name, run.path / name)
    if run.state() == "done":  # a large file of the same size: its reader sees it
        with pytest.raises(Damaged, match=f"{name}: not what result.json was written with"):
            run.check(name)
    assert damage_of(run).startswith(f"{name}: ")


def test_a_result_of_an_older_version_is_refused(run: RunFolder) -> None:
    result = run.result().model_dump()
    del result["format"]
    write_json(run.path / RESULT, result)
    assert damage_of(run) == (
        "result.json: written by an older version, and this mtbench reads format 1"
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("files", files) for files in (None, [], {"a": 1}, {"a": {"bytes": "9", "sha256": ""}})),
        *(("ended", time) for time in (None, "", {})),
        *(("left_out", rows) for rows in (None, {"sst": {"dev": "0"}})),
        *(("texts", texts) for texts in (None, {"sst": {"dev": {}}})),
        *(
            ("scores", {"dev": {"sst": scores}, "train": {"sst": {"accuracy": 0.5}}})
            for scores in ({}, {"best": 0.5}, {"accuracy": "0.5"})
        ),
        ("scores", {"dev": {"sst": {"accuracy": 0.5}}, "train": {}}),
        ("scores", {"dev": {"sst": {"accuracy": 0.5}}, "train": {"sst": {"macro_f1": 0.5}}}),
    ],
)
def test_a_result_that_is_sealed_and_of_another_form(
    run: RunFolder, field: str, value: object
) -> None:
    """Its own digest fits, as whoever writes a result can make it."""
    write_sealed(run, {**run.result().model_dump(), field: value})
    assert damage_of(run).startswith(f"{RESULT}: {field}")


@pytest.mark.parametrize(
    ("part", "names", "said"),
    [
        ("cost", "examples", "scores, cost.examples and hashes.order are of other tasks"),
        ("hashes", "order", "scores, cost.examples and hashes.order are of other tasks"),
        ("hashes", "initial_weights", "hashes.initial_weights are of other modules"),
    ],
)
def test_a_result_whose_parts_are_of_other_tasks(
    run: RunFolder, part: str, names: str, said: str
) -> None:
    result = run.result().model_dump()
    result[part][names]["heads.nothing"] = result[part][names].popitem()[1]
    write_sealed(run, result)
    assert damage_of(run) == f"{RESULT}: {said}"


def test_scores_of_other_tasks_than_were_asked_for(write_stored: Callable[..., RunFolder]) -> None:
    run = write_stored({"sst": ("accuracy", [0, 1], [0, 0])})
    result = json.loads((run.path / RESULT).read_text().replace('"sst"', '"pd"'))
    write_sealed(run, result)
    assert damage_of(run) == f"{RESULT}: scores of other tasks than {REQUEST} asks for"


@pytest.mark.parametrize("name", LARGE)
def test_a_byte_of_a_large_file_is_seen_by_its_reader_and_known_from_then_on(
    run: RunFolder, name: str
) -> None:
    content = bytearray((run.path / name).read_bytes())
    content[len(content) // 2] ^= 1
    (run.path / name).write_bytes(content)
    assert run.state() == "done"

    for read in (run.check, run.content):
        with pytest.raises(Damaged, match=f"{name}: not what result.json was written with"):
            read(name)

    assert damage_of(run) == f"{name}: not what result.json was written with"
    run.clear()
    assert run.state() == "missing"


def test_damage_of_a_result_before_says_nothing_of_this_one(run: RunFolder) -> None:
    """A reader of the old files may be slower than whoever trains the run anew."""
    write_json(run.path / DAMAGE, {"result": "of before", "reason": "predictions.npz: torn"})
    assert run.state() == "done"


def test_a_request_under_another_key(request_run: Callable[..., RunFolder]) -> None:
    run = request_run()
    request = run.request().model_dump()
    assert run.state() == "missing"
    write_json(run.path / REQUEST, {**request, "seed": 1})
    assert damage_of(run) == "run.json: its identity and seed give another key"
    write_json(run.path / REQUEST, {**request, "key": "0" * 64})
    assert damage_of(run) == "run.json: of another run, 000000000000"


def test_a_failure_is_sealed_too(request_run: Callable[..., RunFolder]) -> None:
    run = request_run()
    run.end(Failure(error="no", traceback="..."))
    assert run.state() == "failed"
    result = json.loads((run.path / RESULT).read_text())
    write_json(run.path / RESULT, {**result, "error": "another"})
    assert damage_of(run) == "result.json: not as it was written"


def test_what_is_torn_while_a_process_owns_the_run_is_its_business(run: RunFolder) -> None:
    (run.path / RESULT).write_text("")
    with run.owned():
        assert run.state() == "running"
    assert run.state() == "damaged"


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is unreadable for root")
def test_what_cannot_be_read_is_damaged(run: RunFolder) -> None:
    (run.path / RESULT).chmod(0)
    assert damage_of(run) == "result.json: Permission denied"
