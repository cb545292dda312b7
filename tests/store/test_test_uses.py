import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mtbench.store import TEST_USES, Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / ".mtbench")


def use(run: str, **more: Any) -> dict[str, Any]:
    return {"time": "2026-01-02", "run": run, "matrix": "a study", **more}


def test_uses_of_test_labels_are_read_in_the_order_they_came(store: Store) -> None:
    uses = [use("b", cell="é"), use("a"), use("b")]
    assert store.test_uses() == []

    for each in uses:
        store.log_test_use(each)

    assert store.test_uses() == uses
    assert store.test_uses(["b"]) == [uses[0], uses[2]]
    assert store.test_uses([]) == []
    assert (store.root / ".gitignore").is_file()


def test_a_torn_use_of_test_labels_is_told_and_spoils_no_other(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    store.log_test_use(use("a"))
    with (store.root / TEST_USES).open("ab") as file:
        file.write(b'{"run": "b", "sco')

    store.log_test_use(use("c"))

    assert store.test_uses() == [use("a"), use("c")]
    assert capsys.readouterr().err == f"warning: {store.root / TEST_USES}:2 left out: torn\n"


def test_processes_take_turns_to_log_a_use(store: Store) -> None:
    script = """
import sys
from pathlib import Path
from mtbench.store import Store
store, run = Store(Path(sys.argv[1])), sys.argv[2]
for number in range(20):
    use = {"time": "now", "run": run, "matrix": "a study", "number": number}
    store.log_test_use({**use, "long": "x" * 9000})
"""
    started = [
        subprocess.Popen([sys.executable, "-c", script, store.root, name]) for name in ("a", "b")
    ]

    assert [process.wait() for process in started] == [0, 0]
    for name in ("a", "b"):
        assert [each["number"] for each in store.test_uses([name])] == list(range(20))
    assert len(store.test_uses()) == 40


@pytest.mark.parametrize("line", ["{}", "[]", '{"run": 1}', "", "{" * 10_000])
def test_a_line_without_its_fields_is_told(
    store: Store, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    store.root.mkdir()
    (store.root / TEST_USES).write_text(f"{line}\n")

    assert store.test_uses() == []
    assert store.test_uses(["a"]) == []
    assert capsys.readouterr().err.count(f"{TEST_USES}:1 left out: torn\n") == 2


def test_what_is_no_file_is_not_waited_for(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    store.root.mkdir()
    os.mkfifo(store.root / TEST_USES)

    assert store.test_uses() == []
    assert capsys.readouterr().err.endswith("left out: no regular file\n")
