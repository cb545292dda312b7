from pathlib import Path

import pytest

from mtbench.errors import UsageError
from mtbench.matrix.origin import check_origin, origin

RECORD = "baseline.json"


def check(recorded: str, matrix: Path, folder: Path) -> None:
    check_origin(recorded, matrix, folder / RECORD, what="baseline", way_out="go elsewhere")


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A folder with two matrices and nothing in them."""
    folder = tmp_path / "study"
    folder.mkdir()
    for name in ("matrix.toml", "two.toml"):
        (folder / name).touch()
    return folder


def test_a_matrix_is_recorded_by_its_way_from_there(study: Path) -> None:
    assert origin(study, study) == origin(study / "matrix.toml", study) == "matrix.toml"
    assert origin(study / "two.toml", study.parent / "kept") == "../study/two.toml"
    assert origin(study / "d\udce9j\xe0 -->.toml", study) == "d%E9j%C3%A0%20--%3E.toml"


def test_a_matrix_on_another_drive_is_recorded_as_a_whole(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def relpath(path: str, start: str) -> str:
        raise ValueError(f"path is on mount {path!r}, start on mount {start!r}")

    monkeypatch.setattr("os.path.relpath", relpath)

    assert origin(study / "two.toml", study) == str(study / "two.toml")


def test_what_another_matrix_made_is_kept(study: Path) -> None:
    told = (
        f"{study / RECORD}: it holds the baseline of {study / 'matrix.toml'}, which that of "
        f"{study / 'two.toml'} would replace: go elsewhere"
    )
    for recorded in ("matrix.toml", ""):
        with pytest.raises(UsageError) as refused:
            check(recorded, study / "two.toml", study)
        assert str(refused.value) == told
        check(recorded, study, study)
    with pytest.raises(UsageError, match=r"holds the baseline of .*two\.toml"):
        check("two.toml", study, study)


def test_two_folders_may_not_share_a_place_for_what_they_make(study: Path) -> None:
    other = study.with_name("other")
    other.mkdir()
    (other / "matrix.toml").touch()
    kept = study.parent / "kept"
    kept.mkdir()
    with pytest.raises(UsageError, match=r"of .*study/matrix\.toml, which that of .*other"):
        check(origin(study, kept), other, kept)
    check(origin(study, kept), study, kept)


def test_a_matrix_that_was_moved_or_renamed_keeps_what_it_made(study: Path) -> None:
    recorded = origin(study / "two.toml", study)
    moved = study.rename(study.with_name("moved"))
    check(recorded, moved / "two.toml", moved)
    (moved / "two.toml").rename(moved / "three.toml")
    check(recorded, moved / "three.toml", moved)
    (moved / "two.toml").symlink_to("three.toml")  # another name of the same
    check(recorded, moved / "three.toml", moved)


@pytest.mark.parametrize("recorded", ["a" * 5000, "%00", "/", "../" * 500, "%ff"])
def test_a_record_that_somebody_spoilt_is_no_matrix(study: Path, recorded: str) -> None:
    check(recorded, study, study)
