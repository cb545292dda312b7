from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Call = Callable[..., Any]  # of the command line; see conftest


def test_it_writes_a_matrix_and_says_what_is_next(call: Call, tmp_path: Path) -> None:
    answer = call("init", tmp_path / "study")

    file = tmp_path / "study" / "matrix.toml"
    assert (answer.code, answer.err) == (0, "")
    assert answer.out == f"wrote {file}; next: mtbench ablate {file}\n"
    assert call("plan", file, "--store", tmp_path / "store").code == 0
    assert call("init", tmp_path / "study").code == 2


def test_it_writes_where_one_stands(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert call("init").out == "wrote matrix.toml; next: mtbench ablate matrix.toml\n"
