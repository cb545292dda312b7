import os
from pathlib import Path

import pytest

from mtbench.comparison.addresses import pick, read_address
from mtbench.errors import UsageError

NAMES = ["combiner=sum, heads.pd=linear", "combiner=sum, heads.pd=mlp", "base", "base, wider"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a matrix, the folder of one, a store, a run and an empty folder."""
    monkeypatch.chdir(tmp_path)
    for name in ("study", "empty", "store/runs/abc", "copy"):
        Path(name).mkdir(parents=True)
    for name in ("one.toml", "matrix", "study/matrix.toml", "copy/run.json"):
        Path(name).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("text", "kind", "path", "cell"),
    [
        ("one.toml", "matrix", "one.toml", None),
        ("matrix", "matrix", "matrix", None),  # a file of any name
        ("study::a::b", "matrix", "study", "a::b"),
        ("gone.toml::sum", "matrix", "gone.toml", "sum"),
        ("store", "store", "store", None),
        ("store/::sum [seed 1]", "store", "store", "sum [seed 1]"),
        ("abc", "key", "", None),
        ("empty", "key", "", None),  # of which a run's key may be the start
        ("", "key", "", None),
        ("copy", "run", "copy", None),
        ("store/runs/abc", "run", "store/runs/abc", None),  # whatever is left of it
    ],
)
def test_what_stands_before_the_colons_says_what_it_is(
    folder: Path, text: str, kind: str, path: str, cell: str | None
) -> None:
    found = read_address(text)

    assert (found.kind, found.cell) == (kind, cell)
    assert found.path == (folder / path if kind == "run" else Path(path))
    assert found.is_whole == (kind in ("matrix", "store") and cell is None)


@pytest.mark.parametrize(
    "place", ["other/.mtbench", "x/y", ".mtbench", "store/runs/zzz", "n" * 300 + "/s", "a b"]
)
def test_a_place_that_is_not_there_is_called_none(place: str) -> None:
    for text, hint in ((place, "; a cell is MATRIX::CELL"), (f"{place}::sum", "")):
        with pytest.raises(UsageError) as told:
            read_address(text)
        assert str(told.value) == f"{place}: there is no such file or folder{hint}"


@pytest.mark.parametrize("text", ["./empty", "empty::sum", "store/runs", "store/runs/abc::sum"])
def test_a_folder_that_is_neither_says_what_it_lacks(text: str) -> None:
    with pytest.raises(UsageError, match=r": the folder holds no matrix\.toml, and no runs/"):
        read_address(text)


def test_the_working_directory_that_is_neither_is_named() -> None:
    with pytest.raises(UsageError, match=r"^\.: the folder holds no matrix\.toml"):
        read_address("::sum")


def test_a_link_that_leads_to_itself_leads_nowhere() -> None:
    Path("loop").symlink_to("loop")
    with pytest.raises(UsageError, match=r"^loop/s: there is no such file or folder;"):
        read_address(f"loop{os.sep}s")


@pytest.mark.parametrize(
    ("text", "name", "seed"),
    [
        ("base", 2, ""),  # whole, though it is a part of another
        ("BASE, w", 3, ""),
        ("mlp", 1, ""),
        ("mlp sum", 1, ""),
        ("heads.pd=linear, combiner=sum", 0, ""),
        ("base [seed 2]", 2, "2"),
        ("base[seed 2]", 2, "2"),
        ("wider [seed 10]", 3, "10"),
    ],
)
def test_a_part_that_fits_one_cell_is_taken(text: str, name: int, seed: str) -> None:
    assert pick(text, NAMES, where="m.toml") == (NAMES[name], seed)


def test_a_name_that_looks_like_a_seed_is_a_name() -> None:
    assert pick("a [seed 1]", ["a", "a [seed 1]"], where="m") == ("a [seed 1]", "")


def test_where_several_fit_they_are_named() -> None:
    with pytest.raises(UsageError) as several:
        pick("sum", NAMES, where="m.toml")
    assert str(several.value) == f"'sum' fits 2 cells of m.toml: {NAMES[0]}; {NAMES[1]}"
    with pytest.raises(UsageError, match=r"^'c' fits 20 cells of m: c0; .*; c9; \.\.\.$"):
        pick("c", [f"c{number}" for number in range(20)], where="m")


@pytest.mark.parametrize("text", ["bsae", "", " ", ",", "[seed 1]", "sum linear wider"])
def test_what_fits_none_is_unknown(text: str) -> None:
    with pytest.raises(UsageError, match=r"^unknown cell .* in m\.toml"):
        pick(text, NAMES, where="m.toml")
    with pytest.raises(UsageError, match=r"^unknown cell '.*' in m"):
        pick(text, ["one"], where="m")
