import re
import tomllib
from pathlib import Path

import pytest

from mtbench.api import UsageError
from tools.pretrain.families import SIZE
from tools.pretrain.settings import Settings, load
from tools.pretrain.vocabulary import ALPHABET, SPECIAL


@pytest.fixture
def shipped(root: Path) -> str:
    return (root / "tools" / "pretrain" / "recipe.toml").read_text(encoding="utf-8")


def changed(text: str, pattern: str, replacement: str) -> str:
    made, times = re.subn(pattern, replacement, text, flags=re.MULTILINE)
    assert times == 1
    return made


def refusal(tmp_path: Path, text: str) -> str:
    """Return the message, without the file that opens it, with which settings are refused."""
    file = tmp_path / "settings.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError) as refused:
        load(file)
    message = str(refused.value)
    assert message.startswith(f"{file}: ")
    assert "\n" not in message
    return message.removeprefix(f"{file}: ")


def test_the_recipe_of_tiny_loads(root: Path) -> None:
    loaded = load(root / "tools" / "pretrain" / "recipe.toml")
    assert loaded.families.words[0] < loaded.families.words[1]
    assert loaded.distil.batch_size % SIZE == 0
    assert loaded.distil.save_every == loaded.mlm.save_every == 500


def test_every_setting_of_the_recipe_is_written_down(shipped: str) -> None:
    fields = {
        name: set(getattr(field.annotation, "model_fields", {}))
        for name, field in Settings.model_fields.items()
    }
    written = {
        name: set(section) if isinstance(section, dict) else set()
        for name, section in tomllib.loads(shipped).items()
    }
    missing = {f"{name}.{field}" for name in fields for field in fields[name] - written[name]}
    assert missing == {"mlm.save_every", "distil.save_every"}


@pytest.mark.parametrize(
    ("pattern", "replacement", "message"),
    [
        ("^count = 65_000$", "cuont = 1", "families.count: Field required"),
        ("^fewest = ", "extra = 1\nfewest = ", "clauses.extra: Extra inputs are not permitted"),
        ("^masked = .*", "masked = 1", "mlm.masked: Input should be less than 1"),
        ("^seed = .*", 'seed = "x"', "seed: Input should be a valid integer"),
        ("^words = .*", "words = [4]", "families.words.1: Field required"),
        ("^words = .*", "words = [18, 4]", "families: .*the fewest come first"),
        ("^relation = .*", "relation = -1", "distil.relation: Input should be greater than or"),
        ("^attention_heads = .*", "attention_heads = 3", "shape: .*attention_heads must divide"),
        (r"^\[mlm\]$", "[mln]", "mlm: Field required"),
    ],
)
def test_a_wrong_setting_is_named(
    tmp_path: Path, shipped: str, pattern: str, replacement: str, message: str
) -> None:
    said = refusal(tmp_path, changed(shipped, pattern, replacement))
    assert re.match(message, said), said


@pytest.mark.parametrize("size", [SIZE - 1, SIZE + 1, 130])
def test_a_batch_holds_whole_families(tmp_path: Path, shipped: str, size: int) -> None:
    not_whole = changed(shipped, "^batch_size = 128$", f"batch_size = {size}")
    assert refusal(tmp_path, not_whole) == (
        f"distil.batch_size: Input should be a multiple of {SIZE}"
    )


def test_there_are_more_pieces_than_single_signs(tmp_path: Path, shipped: str) -> None:
    # A sign has a piece at the begin of a word, and one within.
    signs = len(SPECIAL) + 2 * ALPHABET
    too_few = changed(shipped, "^pieces = .*", f"pieces = {signs}")
    assert refusal(tmp_path, too_few) == (
        f"vocabulary.pieces: Input should be greater than {signs}"
    )


def test_what_is_no_toml_is_refused(tmp_path: Path) -> None:
    assert re.fullmatch(r"no TOML in UTF-8 \(.+\)", refusal(tmp_path, "seed = \n"))
    file = tmp_path / "latin.toml"
    file.write_bytes("title = 'é'".encode("latin-1"))
    with pytest.raises(UsageError, match=r"latin\.toml: no TOML in UTF-8 \("):
        load(file)
