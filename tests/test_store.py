import errno
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mtbench import store as store_module
from mtbench.errors import UsageError
from mtbench.store import (
    CHECKPOINT,
    HISTORY,
    LOCK,
    LOG,
    REQUEST,
    RESULT,
    TAIL,
    TEST_USES,
    RunFolder,
    Store,
    machine,
    renamed,
    write_json,
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / ".mtbench")


@pytest.fixture
def run(store: Store) -> RunFolder:
    return store.create("abc123")


@contextmanager
def trained_elsewhere(run: RunFolder) -> Iterator[None]:
    """Hold the lock of a run in another process."""
    script = f"""
import sys
from pathlib import Path
from mtbench.store import RunFolder
with RunFolder(Path({str(run.path)!r})).lock():
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


# --- files are written whole ------------------------------------------------------------------


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    with renamed(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
        assert temporary.parent == path.parent

    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_exception_leaves_the_old_file(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def write_half() -> None:
        with renamed(path) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(error):
        write_half()

    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_exception_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="stop"), renamed(tmp_path / "file"):
        raise ValueError("stop")

    assert list(tmp_path.iterdir()) == []


def test_nothing_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), renamed(tmp_path / "file"):
        pass


def test_json_is_written_and_read(run: RunFolder) -> None:
    value = {"b": [1.5, None], "a": "é"}

    write_json(run.path / REQUEST, value)

    assert run.read(REQUEST) == value
    text = (run.path / REQUEST).read_bytes()
    assert text.decode("utf-8") == json.dumps(value, indent=1, ensure_ascii=False) + "\n"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_what_is_no_number_is_refused(run: RunFolder, value: float) -> None:
    write_json(run.path / RESULT, {"status": "done"})

    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(run.path / RESULT, {"overall": [value]})

    assert run.read(RESULT) == {"status": "done"}
    assert [path.name for path in run.path.iterdir()] == [RESULT]


def test_what_is_not_there_is_none(store: Store, run: RunFolder) -> None:
    assert run.read(RESULT) is None
    assert store.run("nothing").read(RESULT) is None


# --- a run ------------------------------------------------------------------------------------


def test_the_states_of_a_run(store: Store) -> None:
    run = store.run("abc123")
    assert run.state() == "missing"
    store.create("abc123")
    assert run.state() == "missing"
    write_json(run.path / REQUEST, {})
    assert run.state() == "missing"
    write_json(run.path / RESULT, {"status": "failed"})
    assert run.state() == "failed"
    run.clear()
    assert run.state() == "missing"
    write_json(run.path / RESULT, {"status": "done"})
    assert run.state() == "done"


def test_a_run_is_running_while_another_process_holds_its_lock(run: RunFolder) -> None:
    with trained_elsewhere(run):
        assert run.state() == "running"
        assert run.state() == "running"

    assert run.state() == "missing"


def test_a_stored_run_is_done_though_its_lock_is_held(run: RunFolder) -> None:
    write_json(run.path / RESULT, {"status": "done"})

    with trained_elsewhere(run):
        assert run.state() == "done"


def test_a_run_whose_process_was_killed_is_missing(run: RunFolder) -> None:
    script = f"""
import os
from pathlib import Path
from mtbench.store import RunFolder
RunFolder(Path({str(run.path)!r})).lock().acquire()
os._exit(9)
"""
    subprocess.run([sys.executable, "-c", script], check=False)

    assert run.state() == "missing"


def test_asking_for_the_state_takes_no_lock_away(run: RunFolder) -> None:
    with run.lock():
        assert run.state() == "running"
    with run.lock(timeout=0):
        pass
    assert run.state() == "missing"


def test_clearing_keeps_request_log_and_lock(run: RunFolder) -> None:
    for name in (REQUEST, LOG, LOCK, RESULT, HISTORY, CHECKPOINT, f".{RESULT}.123"):
        (run.path / name).write_text("")

    run.clear()

    assert {path.name for path in run.path.iterdir()} == {REQUEST, LOG, LOCK}


def test_the_last_event_leaves_out_a_line_that_is_being_written(run: RunFolder) -> None:
    assert run.last_event() is None
    (run.path / HISTORY).write_text('{"step": 1}\n{"step": 2}\n{"event": "st')
    assert run.last_event() == {"step": 2}
    (run.path / HISTORY).write_text('{"step": 1}\n{"step": 2}\n')
    assert run.last_event() == {"step": 2}
    (run.path / HISTORY).write_text('{"ev')
    assert run.last_event() is None
    (run.path / HISTORY).write_text("")
    assert run.last_event() is None


def test_the_last_event_of_a_long_history(run: RunFolder) -> None:
    lines = [json.dumps({"event": "step", "step": step}) for step in range(3000)]
    (run.path / HISTORY).write_text("\n".join(lines) + "\n")

    assert (run.path / HISTORY).stat().st_size > 4 * TAIL
    assert run.last_event() == {"event": "step", "step": 2999}


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


def test_timings_are_written_and_read(store: Store) -> None:
    assert store.read_timings() == {}

    store.write_timing("b", {"cell": "é"})
    store.write_timing("a", {"cell": "old"})
    store.write_timing("a", {"cell": "new"})
    (store.timings / ".c.json.1").write_text("half")

    assert list(store.read_timings().items()) == [("a", {"cell": "new"}), ("b", {"cell": "é"})]
    assert store.keys() == set()


@pytest.mark.parametrize(
    "content", [b'{"half', b"[]", b"\xff", b'{"cell": "a"}', b'{"format": 0, "cell": "a"}']
)
def test_a_torn_or_older_timing_is_left_out(
    store: Store, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    store.write_timing("b", {"cell": "b"})
    for name in ("a", "c"):
        (store.timings / f"{name}.json").write_bytes(content)

    assert store.read_timings() == {"b": {"cell": "b"}}
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"warning: {store.timings / 'a.json'} and 1 more left out: torn, or ")


def test_a_timing_that_does_not_fit_on_the_disk(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    store.check_timings()
    monkeypatch.setattr(store_module, "write_json", full)

    with pytest.raises(UsageError, match=r"store .* cannot be written: .*No space left"):
        store.write_timing("a", {})


def test_checking_leaves_nothing_behind(store: Store) -> None:
    store.check_timings()

    assert list(store.timings.iterdir()) == []


def test_a_store_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = Store(tmp_path / "file")

    with pytest.raises(UsageError, match="cannot be written"):
        store.write_timing("a", {})
    with pytest.raises(UsageError, match="cannot be written"):
        store.check_timings()
    with pytest.raises(UsageError, match="cannot be written"):
        store.create("a")
    with pytest.raises(UsageError, match="cannot be written"):
        store.log_test_use({"run": "a"})


def test_uses_of_test_labels_are_read_in_the_order_they_came(store: Store) -> None:
    uses = [{"run": "b", "cell": "é"}, {"run": "a"}, {"run": "b"}]
    assert store.test_uses() == []

    for use in uses:
        store.log_test_use(use)

    assert store.test_uses() == uses
    assert store.test_uses(["b"]) == [uses[0], uses[2]]
    assert store.test_uses([]) == []
    assert (store.root / ".gitignore").is_file()


def test_a_torn_use_of_test_labels_is_told_and_spoils_no_other(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    store.log_test_use({"run": "a"})
    with (store.root / TEST_USES).open("ab") as file:
        file.write(b'{"run": "b", "sco')

    store.log_test_use({"run": "c"})

    assert store.test_uses() == [{"run": "a"}, {"run": "c"}]
    assert capsys.readouterr().err == f"warning: {store.root / TEST_USES}:2 left out: torn\n"


def test_processes_take_turns_to_log_a_use(store: Store) -> None:
    script = """
import sys
from pathlib import Path
from mtbench.store import Store
store, run = Store(Path(sys.argv[1])), sys.argv[2]
for number in range(20):
    store.log_test_use({"run": run, "number": number, "long": "x" * 9000})
"""
    started = [
        subprocess.Popen([sys.executable, "-c", script, store.root, name]) for name in ("a", "b")
    ]

    assert [process.wait() for process in started] == [0, 0]
    for name in ("a", "b"):
        assert [use["number"] for use in store.test_uses([name])] == list(range(20))
    assert len(store.test_uses()) == 40


def test_machine() -> None:
    described = machine()

    assert set(described) == {"system", "processor", "cores", "python"}
    assert described["python"] == ".".join(str(part) for part in sys.version_info[:3])
    assert json.loads(json.dumps(described)) == described
