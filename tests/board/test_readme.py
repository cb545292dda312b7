import os
from pathlib import Path

import pytest

from mtbench.board.readme import BEGIN, END, write_table
from mtbench.errors import UsageError

TABLE = "| cell |\n|---|\n| sum |"
BLOCK = f"{BEGIN}\n\n{TABLE}\n\n{END}"


@pytest.fixture
def matrix(tmp_path: Path) -> Path:
    file = tmp_path / "matrix.toml"
    file.write_text("")
    return file


def text(matrix: Path) -> str:
    return (matrix.parent / "README.md").read_text(encoding="utf-8")


def test_a_readme_is_made(matrix: Path) -> None:
    assert write_table(matrix, TABLE) == matrix.parent / "README.md"

    assert text(matrix) == f"{BLOCK}\n"


def test_the_folder_of_a_matrix_will_do(matrix: Path) -> None:
    assert write_table(matrix.parent, TABLE) == matrix.parent / "README.md"


@pytest.mark.parametrize(
    "before", ["# Study\n\nWords é.\n", "# Study\n\nWords é.", "# Study\n\nWords é.\n\n\n"]
)
def test_a_readme_without_markers_gets_the_table_at_its_end(matrix: Path, before: str) -> None:
    (matrix.parent / "README.md").write_text(before, encoding="utf-8")

    write_table(matrix, TABLE)

    assert text(matrix) == f"# Study\n\nWords é.\n\n{BLOCK}\n"


def test_what_stands_around_the_table_stays(matrix: Path) -> None:
    readme = f"# Study\n\nbefore\n{BEGIN}\nold\n{END} after\n\nend"
    (matrix.parent / "README.md").write_text(readme, encoding="utf-8")

    write_table(matrix, TABLE)

    assert text(matrix) == f"# Study\n\nbefore\n{BLOCK} after\n\nend"


def test_writing_twice_is_writing_once(matrix: Path) -> None:
    (matrix.parent / "README.md").write_text("# Study\n", encoding="utf-8")
    write_table(matrix, "other")
    write_table(matrix, TABLE)
    once = text(matrix)

    write_table(matrix, TABLE)

    assert text(matrix) == once == f"# Study\n\n{BLOCK}\n"


@pytest.mark.parametrize(
    "readme",
    [
        f"a {BEGIN} b",
        f"a {END} b",
        f"a {END} b {BEGIN} c",
        f"{BEGIN} a {END} {BEGIN} b {END}",
        f"{BEGIN} {BEGIN} a {END}",
        f"{BEGIN} a {END} b {END}",
        f"{END} {BEGIN} a {END}",
    ],
)
def test_markers_that_are_no_pair(matrix: Path, readme: str) -> None:
    (matrix.parent / "README.md").write_text(readme, encoding="utf-8")

    with pytest.raises(UsageError, match=r"README\.md: expected one <!--"):
        write_table(matrix, TABLE)

    assert text(matrix) == readme
    assert sorted(path.name for path in matrix.parent.iterdir()) == ["README.md", "matrix.toml"]


def test_a_readme_that_cannot_be_read_or_written(matrix: Path) -> None:
    readme = matrix.parent / "README.md"
    readme.write_bytes(b"caf\xe9")
    with pytest.raises(UsageError, match=r"README\.md: cannot be read: .*utf-8"):
        write_table(matrix, TABLE)
    assert readme.read_bytes() == b"caf\xe9"

    readme.unlink()
    readme.mkdir()
    with pytest.raises(UsageError, match=r"README\.md: cannot be read: no regular file"):
        write_table(matrix, TABLE)

    readme.rmdir()
    os.mkfifo(readme)  # nothing waits for somebody to write into it
    with pytest.raises(UsageError, match=r"README\.md: cannot be read: no regular file"):
        write_table(matrix, TABLE)


def test_the_table_of_another_matrix_stays(matrix: Path) -> None:
    for first, second in (("matrix.toml", "two.toml"), ("b --> c.toml", "matrix.toml")):
        one, two = matrix.with_name(first), matrix.with_name(second)
        (matrix.parent / "README.md").unlink(missing_ok=True)
        one.touch()
        two.touch()
        write_table(one, TABLE)
        before = text(matrix)

        with pytest.raises(UsageError, match=r"README\.md: it holds the table of .*, which that"):
            write_table(two, "other")

        assert text(matrix) == before
        write_table(one, "new")
        assert text(matrix) == before.replace(TABLE, "new")
        one.unlink()  # it was renamed
        write_table(two, TABLE)
        assert TABLE in text(matrix)


def test_markers_without_a_table_are_for_any_matrix(matrix: Path) -> None:
    (matrix.parent / "README.md").write_text(f"{BEGIN}\n\n{END}\n\nbelow", encoding="utf-8")
    other = matrix.with_name("other.toml")
    other.touch()

    write_table(other, TABLE)

    marked = BLOCK.replace(BEGIN, "<!-- mtbench:leaderboard other.toml -->")
    assert text(matrix) == f"{marked}\n\nbelow"
