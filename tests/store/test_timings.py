import json
from pathlib import Path
from typing import Any

import pytest

from mtbench.store.timings import read, write

TIMING: dict[str, Any] = {
    "cell": "a cell",
    "identity": {"config": {"train": {"batch_size": 8}}},
    "machine": {},
    "device": {},
    "timing": {"run_s": 1.5, "run_steps": 3, "loading_s": 0.5, "evaluation_s": 0.25},
}


@pytest.mark.parametrize(
    "content",
    [
        b'{"half',
        b"[]",
        b"\xff",
        b'{"cell": "a"}',
        b'{"format": 0, "cell": "a"}',
        b'{"format": 1, "cell": "a"}',
        json.dumps({**TIMING, "format": 1, "identity": {"config": {"train": {}}}}).encode(),
        json.dumps(
            {**TIMING, "format": 1, "identity": {**TIMING["identity"], "data": {"sst": ""}}}
        ).encode(),
        json.dumps(
            {**TIMING, "format": 1, "timing": {**TIMING["timing"], "run_steps": 0}}
        ).encode(),
        b"",
    ],
)
def test_a_torn_or_older_timing_is_left_out(
    tmp_path: Path, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, "b", TIMING)
    for name in ("a", "c"):
        (tmp_path / f"{name}.json").write_bytes(content)

    assert read(tmp_path) == {"b": TIMING}
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"warning: {tmp_path / 'a.json'} and 1 more left out: torn, or ")


def test_a_folder_in_place_of_a_timing_is_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.json").mkdir()
    assert read(tmp_path) == {}
    assert "a.json left out" in capsys.readouterr().err
