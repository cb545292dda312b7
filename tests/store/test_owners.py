import json
import os
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mtbench.store import owners
from mtbench.store.owners import OWNER, is_owned, owning


def owner(folder: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((folder / OWNER).read_text())
    return value


def change(folder: Path, **fields: Any) -> None:
    (folder / OWNER).write_text(json.dumps({**owner(folder), **fields}))


def ago(**time: float) -> str:
    return (datetime.now(UTC) - timedelta(**time)).isoformat()


def test_a_run_is_owned_while_its_process_says_so(tmp_path: Path) -> None:
    assert not is_owned(tmp_path)
    with owning(tmp_path):
        assert is_owned(tmp_path)
        assert owner(tmp_path)["host"] == platform.node()
    assert list(tmp_path.iterdir()) == []


def test_an_error_ends_it_too(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), owning(tmp_path):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere CPU seconds count")
def test_a_process_is_as_old_as_the_clock_says_waiting_included() -> None:
    source = "import time; from mtbench.store.owners import seconds_alive; input()"
    source += "; print(time.time() - seconds_alive())"
    command = [sys.executable, "-c", source]
    before = time.time()
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        after = time.time()
        subprocess.run([sys.executable, "-c", "import mtbench.study"], check=True)  # it waits
        started = float(process.communicate("\n")[0])

    tick = 0.1  # the system counts hundredths
    assert before - tick <= started <= after + tick


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the heartbeat counts")
def test_on_its_own_machine_the_process_is_looked_for(tmp_path: Path) -> None:
    with owning(tmp_path):
        change(tmp_path, heartbeat=ago(days=3))  # as of a machine that slept
        assert is_owned(tmp_path)
        change(tmp_path, heartbeat=ago(), started=1)  # its number belongs to another by now
        assert not is_owned(tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the heartbeat counts")
def test_a_process_that_nobody_buried_is_gone(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "input()"]
    with owning(tmp_path), subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        status = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        change(tmp_path, pid=process.pid, started=int(status[19]))
        assert is_owned(tmp_path)
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert not is_owned(tmp_path)


@pytest.mark.parametrize("elsewhere", [{"host": "other"}, {"boot": "other"}, {"started": None}])
@pytest.mark.parametrize(("age", "owned"), [(10, True), (290, True), (310, False), (-900, False)])
def test_elsewhere_the_heartbeat_counts(
    tmp_path: Path, elsewhere: dict[str, Any], age: float, owned: bool
) -> None:
    with owning(tmp_path):
        change(tmp_path, **elsewhere, heartbeat=ago(seconds=age))
        assert is_owned(tmp_path) is owned


def test_the_heartbeat_is_renewed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owners, "RENEWED_SECONDS", 0.01)
    with owning(tmp_path):
        first = owner(tmp_path)["heartbeat"]
        while owner(tmp_path)["heartbeat"] == first:
            pass
        assert is_owned(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"\xff", b'{"pid": "x"}', b"[" * 9999])
def test_what_says_nothing_is_no_owner(tmp_path: Path, content: bytes) -> None:
    (tmp_path / OWNER).write_bytes(content)
    assert not is_owned(tmp_path)
    with owning(tmp_path):
        assert is_owned(tmp_path)
