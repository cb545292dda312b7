from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Call = Callable[..., Any]  # of the command line; see conftest


def rows(answer: Any) -> dict[tuple[str, str], list[str]]:
    """Return the rows of the first table by task and split."""
    _, _, *lines = answer.out.partition("\n\n")[0].splitlines()
    return {(words[0], words[1]): words[2:] for words in map(str.split, lines)}


def test_without_a_folder_the_made_tasks_are_shown(call: Call) -> None:
    answer = call("data", "status")

    shown = rows(answer)
    assert (answer.code, answer.err) == (0, "")
    assert {task for task, _ in shown} == {"sample-sst", "sample-pd", "sample-sts"}
    assert shown["sample-pd", "train"][:3] == ["1200", "-", "-"]
    missing = answer.out.partition("\nnot readable\n")[2]
    for task in ("sst", "pd", "sts", "cfimdb"):
        assert f"\n{task} " in missing
    for way in ("--data DIR", "data.dir", "MTBENCH_DATA"):
        assert way in missing


def test_a_broken_row_is_shown_with_file_and_line(call: Call, tmp_path: Path) -> None:
    (tmp_path / "ids-sst-dev.csv").write_text(
        "\tid\tsentence\tsentiment\n0\ta\tgood\t4\n1\tb\t\t1\n2\tc\tbad\t7\n"
    )

    answer = call("data", "status", "--data", tmp_path)

    words = rows(answer)["sst", "dev"]
    rows_of_dev, published, difference, *balance, left_out, fingerprint, layout = words
    assert layout == "CS224N"
    assert (rows_of_dev, published, difference, left_out) == ("1", "1101", "-1100", "2")
    assert balance == ["0:0.0%", "1:0.0%", "2:0.0%", "3:0.0%", "4:100.0%"]
    assert len(fingerprint) == 12
    left = answer.out.partition("\nrows left out\n")[2].splitlines()
    assert [line.split()[:2] for line in left[2:4]] == [
        ["ids-sst-dev.csv", "3"],
        ["ids-sst-dev.csv", "4"],
    ]


def test_the_environment_may_name_the_folder(
    call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "ids-sst-dev.csv").write_text("\tid\tsentence\tsentiment\n0\ta\tgood\t4\n")
    by_option = call("data", "status", "--data", tmp_path)
    monkeypatch.setenv("MTBENCH_DATA", str(tmp_path))

    assert call("data", "status").out == by_option.out


def test_a_broken_plugin_file_stops_nothing(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "no_tasks.py"
    file.write_text("raise RuntimeError('on purpose')\n")

    answer = call("data", "status", "--plugin", file)

    assert answer.code == 0
    assert (
        answer.err == "warning: broken plugin no_tasks (no_tasks.py): RuntimeError: on purpose\n"
    )


def test_the_real_data(call: Call, cs224n: Path) -> None:
    answer = call("data", "status", "--data", cs224n)

    shown = rows(answer)
    assert answer.code == 0
    assert "not readable" not in answer.out
    sizes = {key: (int(words[0]), words[2]) for key, words in shown.items()}
    assert sizes["sst", "train"] == (8544, "+0")
    assert sizes["sst", "dev"] == (1101, "+0")
    assert sizes["sst", "test"] == (2210, "+0")
    assert sizes["pd", "train"] == (40601, "-100905")
    assert sizes["sts", "dev"] == (863, "-1")
    assert sizes["cfimdb", "dev"] == (245, "+0")
    assert shown["pd", "train"][3:5] == ["0:57.2%", "1:42.8%"]
    assert shown["sst", "test"][3] == "-"
