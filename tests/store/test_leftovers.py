import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from mtbench.store import LOG, REQUEST, Store, attempt_name
from mtbench.store.leftovers import ATTEMPT_SECONDS, HALF_WRITTEN_SECONDS, sweep

HOST = platform.node()


@pytest.fixture(scope="module")
def dead() -> int:
    """The number of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    return process.pid


def swept(folder: Path, name: str, age: float = 0.0) -> bool:
    """Return whether a file of some age is swept away."""
    file = folder / name
    file.write_text("half")
    written = file.stat().st_mtime - age
    os.utime(file, (written, written))
    sweep(folder)
    return not file.exists()


@pytest.mark.parametrize(
    "name",
    [
        f"{REQUEST}.{{}}-0",
        f"{LOG}.{{}}-12",
        f"{REQUEST}.{HOST}-{{}}-0",
        f"{LOG}.{HOST}-{{}}-12",
        f".{REQUEST}.{HOST}-{{}}-0.{{}}",
    ],
    ids=["request", "log", "request of the host", "log of the host", "half a request"],
)
def test_the_files_of_an_attempt_go_with_its_process(tmp_path: Path, dead: int, name: str) -> None:
    assert swept(tmp_path, name.format(dead, dead))
    assert not swept(tmp_path, name.format(os.getpid(), os.getpid()), 10 * ATTEMPT_SECONDS)


def test_an_attempt_on_another_machine_is_given_time(tmp_path: Path, dead: int) -> None:
    name = f"{REQUEST}.of-another-{dead}-0"

    assert not swept(tmp_path, name, ATTEMPT_SECONDS - 60)
    assert swept(tmp_path, name, ATTEMPT_SECONDS + 60)


def test_what_is_half_written_may_be_another_machines(tmp_path: Path, dead: int) -> None:
    name = f".result.json.{dead}"

    assert not swept(tmp_path, name, HALF_WRITTEN_SECONDS - 60)
    assert swept(tmp_path, name, HALF_WRITTEN_SECONDS + 60)
    assert not swept(tmp_path, f".result.json.{os.getpid()}", 10 * HALF_WRITTEN_SECONDS)


@pytest.mark.parametrize(
    "name", [REQUEST, LOG, "result.json", ".gitignore", "notes.2", "run.json.old", "run.json.1"]
)
def test_other_files_stay(tmp_path: Path, name: str) -> None:
    assert not swept(tmp_path, name, 10 * ATTEMPT_SECONDS)


def test_a_number_that_no_process_has(tmp_path: Path) -> None:
    assert swept(tmp_path, f"{REQUEST}.{10**30}-0")


def test_what_cannot_be_removed_stays(tmp_path: Path, dead: int) -> None:
    folder = tmp_path / f"{REQUEST}.{dead}-0"
    folder.mkdir()

    sweep(tmp_path)

    assert folder.is_dir()


def test_a_run_that_is_tried_again_finds_its_folder_swept(tmp_path: Path, dead: int) -> None:
    store = Store(tmp_path)
    folder = store.create("key")
    for file in (folder.path / f"{REQUEST}.{dead}-0", folder.path / f"{LOG}.{dead}-0"):
        file.write_text("")
    own = folder.path / attempt_name(REQUEST, 3)
    own.write_text("")
    half = tmp_path / f"..gitignore.{dead}"
    half.write_text("")
    os.utime(half, (0, 0))

    store.create("key")

    assert [*folder.path.iterdir()] == [own]
    assert not half.exists()
