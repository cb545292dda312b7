import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mtbench.errors import UsageError
from mtbench.store import (
    CHECKPOINT,
    HISTORY,
    LOCK,
    LOG,
    OWNER,
    PREDICTIONS,
    REQUEST,
    RESULT,
    TAIL,
    Failure,
    RunFolder,
    Store,
    StoredTiming,
    TimedRun,
    test_uses,
    timings,
)
from mtbench.store.timings import read_timings, write_timing

Make = Callable[..., Any]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / ".mtbench")


@pytest.fixture
def run(store: Store) -> RunFolder:
    return store.create("abc123")


@contextmanager
def trained_elsewhere(run: RunFolder) -> Iterator[None]:
    """Own a run in another process."""
    script = f"""
import sys
from pathlib import Path
from mtbench.store import RunFolder
with RunFolder(Path({str(run.path)!r})).owned():
    print("locked", flush=True)
    sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        yield
        process.communicate()


@pytest.fixture
def failure() -> Failure:
    return Failure(error="no", traceback="...")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_what_is_no_number_is_refused(run: RunFolder, a_result: Make, value: float) -> None:
    run.end(a_result())

    with pytest.raises(ValueError, match="not JSON compliant"):
        run.end(a_result(combiner=[value]))
    with pytest.raises(ValueError, match="finite number"):
        a_result(overall=value)

    assert run.state() == "done"
    assert [path.name for path in run.path.iterdir()] == [RESULT]


# --- a run ------------------------------------------------------------------------------------


def test_the_states_of_a_run(store: Store, a_result: Make, failure: Failure) -> None:
    run = store.run("abc123")
    assert run.state() == "missing"
    store.create("abc123")
    assert run.state() == "missing"
    run.end(failure)
    assert run.state() == "failed"
    run.clear()
    assert run.state() == "missing"
    run.end(a_result())
    assert run.state() == "done"


def test_a_run_is_running_while_another_process_holds_its_lock(run: RunFolder) -> None:
    with trained_elsewhere(run):
        assert run.state() == "running"
        assert run.state() == "running"

    assert run.state() == "missing"


def test_a_stored_run_is_done_though_its_lock_is_held(run: RunFolder, a_result: Make) -> None:
    run.end(a_result())

    with trained_elsewhere(run):
        assert run.state() == "done"


def test_a_run_whose_process_was_killed_is_missing(run: RunFolder) -> None:
    script = f"""
import os
from pathlib import Path
from mtbench.store import RunFolder
with RunFolder(Path({str(run.path)!r})).owned():
    os._exit(9)
"""
    subprocess.run([sys.executable, "-c", script], check=False)

    assert (run.path / OWNER).is_file()
    assert run.state() == "missing"


def test_a_reader_that_holds_the_lock_is_no_trainer(run: RunFolder) -> None:
    """As a version did that probed by taking it, and as two readers then took one another for."""
    with run.lock():
        assert run.state() == "missing"


def test_asking_for_the_state_leaves_the_folder_as_it_is(run: RunFolder) -> None:
    run.state()
    assert list(run.path.iterdir()) == []


def test_clearing_keeps_request_log_and_lock(run: RunFolder) -> None:
    for name in (REQUEST, LOG, LOCK, RESULT, HISTORY, CHECKPOINT, f".{RESULT}.123"):
        (run.path / name).write_text("")

    run.clear()

    assert {path.name for path in run.path.iterdir()} == {REQUEST, LOG, LOCK}


def test_clearing_keeps_a_result_that_may_not_be_read(run: RunFolder) -> None:
    result = run.path / RESULT
    result.write_text("")
    result.chmod(0)
    if os.access(result, os.R_OK):
        pytest.skip("this user may read everything")

    with pytest.raises(PermissionError):
        run.clear()

    assert result.exists()


def test_clearing_removes_what_is_no_file(run: RunFolder) -> None:
    (run.path / REQUEST / "inside").mkdir(parents=True)
    (run.path / RESULT).mkdir()
    os.mkfifo(run.path / LOG)
    (run.path / HISTORY).symlink_to("/dev/zero")
    (run.path / PREDICTIONS).symlink_to("nowhere")

    run.clear()

    assert list(run.path.iterdir()) == []


def test_what_is_no_lock_is_replaced_by_one(run: RunFolder) -> None:
    for make in (os.mkfifo, os.mkdir):
        make(run.path / LOCK)
        with run.owned():
            assert (run.path / LOCK).is_file()
        (run.path / LOCK).unlink()


def test_a_file_in_place_of_a_run_gives_way(store: Store) -> None:
    store.runs.mkdir(parents=True)
    (store.runs / "abc").write_text("")

    assert store.create("abc").path.is_dir()


def test_a_store_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("")
    with pytest.raises(UsageError, match=r"^the store .* cannot be read: "):
        Store(tmp_path).keys()


@pytest.mark.parametrize("content", [b"[1]\n", b"\xff\n", b"{", b"[" * 10_000 + b"\n"])
def test_an_event_that_cannot_be_read_is_none(run: RunFolder, content: bytes) -> None:
    (run.path / HISTORY).write_bytes(content)
    assert run.last_event() is None


def noted(step: int) -> dict[str, Any]:
    return {"event": "step", "step": step, "total": 3000, "seconds": 0.5 * step}


def test_the_last_event_leaves_out_a_line_that_is_being_written(run: RunFolder) -> None:
    lines = "".join(json.dumps(noted(step)) + "\n" for step in (1, 2))
    assert run.last_event() is None
    for unfinished in ('{"event": "st', ""):
        (run.path / HISTORY).write_text(lines + unfinished)
        assert run.last_event() == noted(2)
    for text in ('{"ev', ""):
        (run.path / HISTORY).write_text(text)
        assert run.last_event() is None


@pytest.mark.parametrize(
    "line",
    [
        "{}",
        "[]",
        '{"event": "dance"}',
        '{"event": "phase"}',
        '{"event": "step", "step": "two", "total": 3}',
        '{"event": "step", "step": 2, "total": 0}',
        '{"event": "phase", "phase": "loading", "seconds": "long"}',
    ],
)
def test_a_spoilt_event_is_none(run: RunFolder, line: str) -> None:
    (run.path / HISTORY).write_text(f"{line}\n")
    assert run.last_event() is None


def test_the_last_event_of_a_long_history(run: RunFolder) -> None:
    lines = [json.dumps(noted(step)) for step in range(1, 3000)]
    (run.path / HISTORY).write_text("\n".join(lines) + "\n")

    assert (run.path / HISTORY).stat().st_size > 4 * TAIL
    assert run.last_event() == noted(2999)


def test_log(run: RunFolder) -> None:
    assert run.log() == ""
    (run.path / LOG).write_bytes(b"caf\xc3\xa9 \xff\n")

    assert run.log() == "café �\n"


# --- the store --------------------------------------------------------------------------------


def test_looking_makes_no_folder(store: Store) -> None:
    assert store.keys() == set()
    assert store.run("abc").state() == "missing"
    assert not store.root.exists()


def test_a_store_is_ignored_by_git(store: Store) -> None:
    store.create("abc")
    store.create("abc")

    assert (store.root / ".gitignore").read_text() == "*\n"
    assert store.keys() == {"abc"}
    assert store.run("abc").path == store.root / "runs" / "abc"


def test_a_run_knows_its_store(store: Store, run: RunFolder) -> None:
    assert run.store.root == store.root
    assert run.store.tokens == store.root / "tokens"


def test_keys_are_folders(store: Store) -> None:
    store.create("abc")
    (store.runs / "stray").write_text("")

    assert store.keys() == {"abc"}


@pytest.mark.parametrize("target", ["key", "/dev/null"])
def test_a_link_that_leads_to_no_folder_is_the_damage_of_one_run(
    store: Store, target: str
) -> None:
    whole = store.create("abc")
    (store.runs / "key").symlink_to(target)

    assert store.keys() == {"abc", "key"}
    assert store.run("key").state() == "damaged"
    assert store.create("key").state() == whole.state() == "missing"


def test_find_by_prefix(store: Store) -> None:
    for key in ("abc1", "abd2", "b3"):
        store.create(key)

    assert store.find("abc").key == "abc1"
    assert store.find("abd2").key == "abd2"
    assert store.find("b").key == "b3"


@pytest.mark.parametrize("prefix", ["c", "", "abc12", "ABC"])
def test_no_run_has_the_prefix(store: Store, prefix: str) -> None:
    store.create("abc1")

    with pytest.raises(UsageError, match=rf"no run '{prefix}' in .*\('mtbench status' lists"):
        store.find(prefix)


def test_more_than_one_run_has_the_prefix(store: Store) -> None:
    for key in ("abc1", "abd2", "b3"):
        store.create(key)

    with pytest.raises(UsageError, match=r"'ab' fits 2 runs of .*: abc1, abd2"):
        store.find("ab")


# --- timings ----------------------------------------------------------------------------------


@pytest.fixture
def timing(an_identity: Make) -> StoredTiming:
    return StoredTiming(
        cell="é",
        config={},
        identity=an_identity(),
        machine={},
        device={},
        versions={},
        steps=2,
        timing=TimedRun(run_s=1.5, run_steps=3, loading_s=0.5, evaluation_s=0.25),
    )


def test_timings_are_written_and_read(store: Store, timing: StoredTiming) -> None:
    assert read_timings(store) == {}

    write_timing(store, timing.model_copy(update={"cell": "old"}))
    write_timing(store, timing)
    (store.timings / ".c.json.1").write_text("half")

    assert read_timings(store) == {timing.key: timing}
    assert store.keys() == set()


@pytest.mark.parametrize(
    "change",
    [
        {"format": None},
        {"format": 0},
        {"format": 2},
        {"timing": {}},
        {"identity": {}},
        None,
        "torn",
    ],
    ids=["older", "other", "newer", "timing", "identity", "folder", "torn"],
)
def test_a_timing_that_is_none_is_left_out(
    store: Store,
    timing: StoredTiming,
    change: dict[str, Any] | str | None,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_timing(store, timing)
    for name in ("0", "1"):
        file = store.timings / f"{name}.json"
        if change is None:
            file.mkdir()
        elif change == "torn":
            file.write_text('{"format": 1, "ce')
        else:
            file.write_text(json.dumps({**timing.model_dump(), **change}))

    assert read_timings(store) == {timing.key: timing}
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"warning: {store.timings / '0.json'} and 1 more left out: torn, or ")
    assert line.endswith("('mtbench bench MATRIX' measures anew)")


def test_a_timing_that_does_not_fit_on_the_disk(
    store: Store, timing: StoredTiming, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    store.check(store.timings)
    monkeypatch.setattr(timings, "write_json", full)

    with pytest.raises(UsageError, match=r"store .* cannot be written: .*No space left"):
        write_timing(store, timing)


def test_checking_leaves_nothing_behind(store: Store) -> None:
    store.check(store.timings)

    assert list(store.timings.iterdir()) == []


def test_a_store_that_cannot_be_written(tmp_path: Path, timing: StoredTiming) -> None:
    (tmp_path / "file").write_text("")
    store = Store(tmp_path / "file")

    with pytest.raises(UsageError, match="cannot be written"):
        write_timing(store, timing)
    with pytest.raises(UsageError, match="cannot be written"):
        store.check(store.timings)
    with pytest.raises(UsageError, match="cannot be written"):
        store.create("a")
    with pytest.raises(UsageError, match="cannot be written"):
        test_uses.check(store)
