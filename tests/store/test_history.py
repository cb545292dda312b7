import json
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mtbench.store import HISTORY, RunFolder, history
from mtbench.store.history import History, peak_memory_mb


def events(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / HISTORY).read_text().splitlines()]


def test_a_line_an_event_with_the_seconds_since_the_start(tmp_path: Path) -> None:
    with closing(History(tmp_path)) as written:
        written.note("loading")
        written.step(1, 2, {"sst": 1.5})
        written.step(2, 2, {"sst": 1.25, "pd": 0.5})
        written.evaluation(2, {"sst": {"accuracy": None}})

    read = events(tmp_path)
    seconds = [event.pop("seconds") for event in read]
    assert read == [
        {"event": "phase", "phase": "loading"},
        {"event": "step", "step": 1, "total": 2, "losses": {"sst": 1.5}},
        {"event": "step", "step": 2, "total": 2, "losses": {"sst": 1.25, "pd": 0.5}},
        {"event": "evaluation", "step": 2, "scores": {"sst": {"accuracy": None}}},
    ]
    assert seconds == sorted(seconds)
    assert seconds[0] >= 0
    assert written.steps == 2


def test_an_event_can_be_read_while_the_run_is_under_way(tmp_path: Path) -> None:
    with closing(History(tmp_path)) as written:
        assert RunFolder(tmp_path).last_event() is None
        written.note("loading")
        event = RunFolder(tmp_path).last_event()
        assert event is not None
        assert event["phase"] == "loading"


def test_a_long_run_leaves_steps_out_but_never_the_first_or_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "LINES", 4)
    with closing(History(tmp_path)) as written:
        for done in range(1, 22):
            written.step(done, 21, {})
            assert written.steps == done

    assert [event["step"] for event in events(tmp_path)] == [1, 5, 10, 15, 20, 21]


def test_a_short_run_has_every_step(tmp_path: Path) -> None:
    with closing(History(tmp_path)) as written:
        for done in range(1, 1001):
            written.step(done, 1000, {})

    assert [event["step"] for event in events(tmp_path)] == list(range(1, 1001))


def test_another_try_starts_a_history_of_its_own(tmp_path: Path) -> None:
    for phase in ("first", "second"):
        with closing(History(tmp_path)) as written:
            written.note(phase)

    assert [event["phase"] for event in events(tmp_path)] == ["second"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not tell")
def test_the_peak_of_memory_never_falls() -> None:
    ballast = bytearray(b"x") * (64 * 1024 * 1024)
    during = peak_memory_mb()
    del ballast
    after = peak_memory_mb()

    assert during is not None
    assert after is not None
    # Linux counts pages a thread in batches, so a reading may be some of them off.
    assert 64 < during < after + 1
    assert after < 1_000_000


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux hands a peak on")
def test_the_peak_is_that_of_this_process_not_of_the_one_that_started_it() -> None:
    ballast = bytearray(b"x") * (512 * 1024 * 1024)
    script = "from mtbench.store.history import peak_memory_mb; print(peak_memory_mb())"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    del ballast

    assert 5 < float(done.stdout) < 256
