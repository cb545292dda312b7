import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mtbench.cli.streams import standard_streams

MTBENCH = (sys.executable, "-m", "mtbench")
TITLE = "é ↑ 漢字 😀"
MATRIX = f"""
title = "{TITLE}"

[base]
tasks = ["sample-sst"]

[axes]
combiner = ["sum"]
"""
NO_SPACE = "error: cannot write to stdout: No space left on device\n"
CLOSED = "error: stdout is closed; where nobody is to read it, send it to /dev/null\n"

Call = Callable[..., subprocess.CompletedProcess[str]]

needs_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
needs_shell = pytest.mark.skipif(os.name == "nt", reason="the shell is another")


@pytest.fixture
def shell(tmp_path: Path) -> Call:
    """Give a function that calls mtbench from a shell, from a folder with a matrix."""
    (tmp_path / "m.toml").write_text(MATRIX, encoding="utf-8")

    def run(redirection: str, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", "-c", f'"$@" {redirection}', "sh", *MTBENCH, *words],
            cwd=tmp_path,
            env=os.environ | environment,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


COMMANDS = [
    ("--help",),
    ("--version",),
    ("plan", "--help"),
    ("plan", "m.toml"),
    ("plan", "m.toml", "--format", "json"),
    ("plugins", "list"),
    ("status",),
    ("schema",),
    ("init", "new"),
    ("plugins", "new", "head", "tall"),
]


@needs_shell
@needs_full
@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_full_stdout_is_one_line(shell: Call, words: tuple[str, ...]) -> None:
    done = shell(">/dev/full", *words)

    assert (done.returncode, done.stdout, done.stderr) == (2, "", NO_SPACE)


@needs_shell
@needs_full
def test_a_full_stdout_is_one_line_without_buffers_too(shell: Call) -> None:
    done = shell(">/dev/full", "schema", PYTHONUNBUFFERED="1")

    assert (done.returncode, done.stderr) == (2, NO_SPACE)


@needs_shell
@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_closed_stdout_is_one_line_before_anything_is_done(
    shell: Call, tmp_path: Path, words: tuple[str, ...]
) -> None:
    done = shell(">&-", *words)

    assert (done.returncode, done.stdout, done.stderr) == (2, "", CLOSED)
    assert [path.name for path in tmp_path.iterdir()] == ["m.toml"]


@needs_shell
def test_a_stdout_that_is_open_for_reading_only(shell: Call) -> None:
    done = shell("1</dev/null", "--version")

    assert done.returncode == 2
    assert done.stderr == "error: cannot write to stdout: Bad file descriptor\n"


@needs_shell
@pytest.mark.parametrize(
    ("words", "code"), [(("--help",), 0), (("schema",), 0), (("leaderboard", "m.toml"), 3)]
)
def test_without_a_reader_the_exit_code_is_the_commands(
    shell: Call, tmp_path: Path, words: tuple[str, ...], code: int
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*MTBENCH, *words], stdout=writing, stderr=subprocess.PIPE, cwd=tmp_path, check=False
    )
    os.close(writing)

    assert (done.returncode, done.stderr) == (code, shell("", *words).stderr.encode())


@needs_shell
@pytest.mark.parametrize(
    ("redirection", "words", "code"),
    [
        ("2>&-", ("plan", "m.toml"), 0),
        ("2>&-", ("plan", "none.toml"), 2),
        ("2>&-", ("plan", "--nonsense"), 2),
        ("2>&- >&-", ("plan", "m.toml"), 2),
        ("0<&- 2>&-", ("plan", "m.toml"), 0),
        pytest.param("2>/dev/full", ("plan", "m.toml"), 0, marks=needs_full),
        pytest.param("2>/dev/full", ("plan", "none.toml"), 2, marks=needs_full),
        pytest.param("2>/dev/full", ("plan", "--nonsense"), 2, marks=needs_full),
        pytest.param("2>/dev/full >/dev/full", ("plan", "m.toml"), 2, marks=needs_full),
    ],
)
def test_what_cannot_be_said_is_left_unsaid(
    shell: Call, redirection: str, words: tuple[str, ...], code: int
) -> None:
    done = shell(redirection, *words)

    assert (done.returncode, done.stderr) == (code, "")
    assert bool(done.stdout) == (code == 0)


@needs_shell
def test_no_file_takes_the_place_of_a_closed_stream(tmp_path: Path) -> None:
    script = """
import os
from mtbench.cli.streams import standard_streams
with standard_streams():
    descriptor = os.open(os.devnull, os.O_RDONLY)
    os.write(3, str(descriptor > 2).encode())
"""
    said = tmp_path / "said"
    subprocess.run(
        ["sh", "-c", '"$@" 3>said <&- >&- 2>&-', "sh", sys.executable, "-c", script],
        cwd=tmp_path,
        check=True,
    )

    assert said.read_text() == "True"


@pytest.mark.parametrize("encoding", ["ascii", "ascii:strict", "cp1252", "cp437:strict", "utf-8"])
def test_a_character_that_the_console_lacks_is_replaced(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "m.toml").write_text(MATRIX, encoding="utf-8")

    def call(*words: str) -> tuple[int, str, str]:
        done = subprocess.run(
            [*MTBENCH, "plan", *words],
            cwd=tmp_path,
            env=os.environ | {"PYTHONIOENCODING": encoding},
            capture_output=True,
            check=False,
        )
        return done.returncode, done.stdout.decode(name), done.stderr.decode(name)

    name = encoding.partition(":")[0]
    code, out, err = call("m.toml")
    assert (code, err) == (0, "")
    assert out.startswith(f"{TITLE.encode(name, 'replace').decode(name)}: 1 cell, ")
    code, out, err = call(TITLE)
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {TITLE.encode(name, 'backslashreplace').decode(name)}: ")


@needs_shell
def test_a_stdout_that_does_not_block_is_waited_for(tmp_path: Path) -> None:
    """As a pipe is that the reader, or another writer, has set so."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    while True:  # full before the first word
        try:
            os.write(writing, b" ")
        except BlockingIOError:
            break
    with subprocess.Popen(
        [*MTBENCH, "schema"], stdout=writing, stderr=subprocess.PIPE, cwd=tmp_path, text=True
    ) as process:
        os.close(writing)
        with os.fdopen(reading, encoding="utf-8") as pipe:
            read = pipe.read()
        assert process.stderr is not None
        assert process.stderr.read() == ""

    assert process.returncode == 0
    assert json.loads(read)["type"] == "object"


def test_streams_are_given_back(capsys: pytest.CaptureFixture[str]) -> None:
    before = sys.stdout, sys.stderr

    with standard_streams():
        sys.stdout.write("↑\n")
        sys.stderr.write("é\n")

    assert (sys.stdout, sys.stderr) == before
    assert capsys.readouterr() == ("↑\n", "é\n")


def test_a_stream_without_bytes_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    stream: Any = io.StringIO()
    monkeypatch.setattr("sys.stdout", stream)

    with standard_streams():
        assert sys.stdout is stream
