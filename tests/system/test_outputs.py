import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mtbench.errors import UsageError
from mtbench.system.outputs import check_writable, write_files


def test_files_are_written_with_their_folders(tmp_path: Path) -> None:
    files = {tmp_path / "new" / "a.txt": "é\n", tmp_path / "b.txt": "b"}

    write_files(files)

    assert {file: file.read_text(encoding="utf-8") for file in files} == files
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.txt", "b.txt", "new"]


def occupy(place: Path, kind: str) -> None:
    """Put into a file's place what is in its way."""
    if kind == "a folder":
        place.mkdir()
    elif kind == "a pipe":
        os.mkfifo(place)
    elif kind == "a file above":
        place.parent.rmdir()
        place.parent.touch()


IN_THE_WAY = {
    "a folder": "Is a directory",
    "a pipe": "it is no file, but a device or a pipe",
    "a file above": "Not a directory",
}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes here")
@pytest.mark.parametrize(("kind", "reason"), IN_THE_WAY.items(), ids=IN_THE_WAY)
def test_what_is_in_the_way_is_told_and_nothing_is_written(
    tmp_path: Path, kind: str, reason: str
) -> None:
    first, second = tmp_path / "first.txt", tmp_path / "in" / "second.txt"
    first.write_text("old")
    second.parent.mkdir()
    occupy(second, kind)
    told = re.escape(f"--out {second}: cannot be written: {reason}")

    with pytest.raises(UsageError, match=f"^{told}$"):
        write_files({first: "new", second: "new"}, option="--out")
    with pytest.raises(UsageError, match=f"^{told}$"):
        check_writable(second, option="--out")

    assert first.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="there are no devices here")
def test_a_stream_of_the_process_is_no_file(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w") as stream:
        for place in (f"/dev/fd/{stream.fileno()}", "/dev/null"):
            with pytest.raises(UsageError, match=f"^{place}: cannot be written: it is no file"):
                write_files({Path(place): "new"})

    assert (tmp_path / "file").read_text() == ""


def test_a_name_that_is_too_long(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"x: cannot be written: File name too long$"):
        write_files({tmp_path / ("x" * 300): ""})


def test_of_a_link_what_it_leads_to_is_written(tmp_path: Path) -> None:
    file, link = tmp_path / "file", tmp_path / "link"
    file.write_text("old")
    link.symlink_to(file)

    write_files({link: "new"})

    assert link.is_symlink()
    assert file.read_text() == "new"


SCRIPT = """
import sys
from pathlib import Path
from mtbench.errors import UsageError
from mtbench.system.outputs import write_files
try:
    write_files({Path(sys.argv[1]): "new"})
except UsageError as error:
    print(error)
"""


def unprivileged() -> list[str]:
    """Return what starts a command whom permissions bind, which they do not bind root."""
    if os.name == "nt":
        pytest.skip("permissions are others here")
    if os.geteuid() != 0:
        return []
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("root, and no setpriv to drop what overrides permissions")
    return [setpriv, "--bounding-set=-dac_override", "--inh-caps=-dac_override"]


@pytest.mark.parametrize("closed", ["the file", "the folder"])
def test_what_may_not_be_written_stays(tmp_path: Path, closed: str) -> None:
    file = tmp_path / "file"
    file.write_text("old")
    place = file if closed == "the file" else tmp_path
    place.chmod(0o444 if place == file else 0o555)

    done = subprocess.run(
        [*unprivileged(), sys.executable, "-c", SCRIPT, file],
        capture_output=True,
        text=True,
        check=False,
    )

    tmp_path.chmod(0o755)
    assert (done.stdout, done.stderr) == (f"{file}: cannot be written: Permission denied\n", "")
    assert file.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
