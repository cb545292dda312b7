import json
import shutil
from pathlib import Path

import pytest

from mtbench.api import UsageError
from mtbench_builtins.encoders import hub
from mtbench_builtins.encoders.huggingface import checkpoint
from mtbench_builtins.encoders.huggingface.checkpoint import Checkpoint, find
from mtbench_builtins.encoders.huggingface.parameters import HuggingFaceParameters
from mtbench_builtins.encoders.shipped import SHIPPED, TINY

FILES = ("config.json", "model.safetensors", "tokenizer.json")


def at(folder: Path | str, revision: str | None = None) -> HuggingFaceParameters:
    return HuggingFaceParameters(checkpoint=str(folder), revision=revision)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with files of the right names, of an encoder called x."""
    place = tmp_path / "checkpoint"
    place.mkdir()
    for name in FILES:
        (place / name).write_text('{"model_type": "x"}')
    return place


def shard(folder: Path, stem: str) -> list[str]:
    """Put two files and their index in the place of the weights; return all names."""
    (folder / "model.safetensors").unlink()
    name, _, ending = stem.rpartition(".")
    shards = [f"{name}-0000{i}-of-00002.{ending}" for i in (1, 2)]
    for part in shards:
        (folder / part).write_text(part)
    places = {"weight_map": {"b": shards[1], "a": shards[0], "c": shards[1]}}
    (folder / f"{stem}.index.json").write_text(json.dumps(places))
    return [f"{stem}.index.json", *shards]


# --- which files -----------------------------------------------------------------------------


def test_the_best_form_of_each_file_is_taken(folder: Path) -> None:
    for name in ("pytorch_model.bin", "vocab.txt"):
        (folder / name).write_text("")
    assert find(at(folder)) == Checkpoint(folder, *(folder / name for name in FILES))


@pytest.mark.parametrize("stem", ["model.safetensors", "pytorch_model.bin"])
def test_weights_may_be_in_several_files(folder: Path, stem: str) -> None:
    names = shard(folder, stem)
    found = find(at(folder))
    assert [file.name for file in found.weight_files()] == names
    first = find(at(folder)).digest()
    (folder / names[2]).write_text("other weights")
    assert find(at(folder)).digest() != first
    (folder / names[2]).unlink()
    with pytest.raises(UsageError, match=rf"it names {names[2]}, which is not there"):
        find(at(folder)).digest()
    (folder / names[0]).write_text("{}")
    with pytest.raises(UsageError, match="it has no weight_map"):
        find(at(folder)).digest()


def test_what_is_missing_is_named_with_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UsageError) as error:
        find(at(tmp_path))
    assert str(error.value) == (
        f"checkpoint {str(tmp_path)!r}: no weights (model.safetensors or "
        "model.safetensors.index.json or pytorch_model.bin or pytorch_model.bin.index.json), "
        "no vocabulary (tokenizer.json or vocab.txt or vocab.json or spm.model or spiece.model "
        "or sentencepiece.bpe.model or sentencepiece.model or tokenizer.model) "
        "(found: config.json)"
    )


def test_what_mtbench_ships_needs_no_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / TINY).mkdir()
    assert find(at(TINY)).folder == SHIPPED[TINY]


def test_places_that_are_none(folder: Path) -> None:
    with pytest.raises(UsageError, match="is a file; give the folder that it is in"):
        find(at(folder / "config.json"))
    for place in (folder, TINY):
        with pytest.raises(UsageError, match="is a folder: it has no revision 'v1'"):
            find(at(place, revision="v1"))


def test_an_adapter_is_refused(folder: Path) -> None:
    (folder / "adapter_config.json").write_text("{}")
    with pytest.raises(UsageError, match="merge the adapter into the weights first"):
        find(at(folder))


def test_every_file_of_a_masked_language_models_tokenizer_is_known() -> None:
    import transformers
    from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES
    from transformers.models.auto.tokenization_auto import TOKENIZER_MAPPING_NAMES

    # Those that a checkpoint of another kind names itself, as BERTweet, a RoBERTa, does.
    named = ["BertweetTokenizer", "PhobertTokenizer", "BertJapaneseTokenizer"]
    kinds = [TOKENIZER_MAPPING_NAMES.get(kind) for kind in MODEL_FOR_MASKED_LM_MAPPING_NAMES]
    files: dict[str, set[str]] = {}
    for name in filter(None, [*kinds, *named]):
        its_own = getattr(getattr(transformers, name), "vocab_files_names", None) or {}
        files[name] = set(its_own.values())
    assert len(files) > 15
    assert files["BertweetTokenizer"] == {"vocab.txt", "bpe.codes"}
    known = {*checkpoint.NEEDED["vocabulary"], *checkpoint.OTHERS}
    assert {name: names - known for name, names in files.items() if names - known} == {}


# --- digest ----------------------------------------------------------------------------------


def test_the_digest_is_of_the_bytes_and_not_of_the_path(folder: Path, tmp_path: Path) -> None:
    first = find(at(folder)).digest()
    elsewhere = shutil.copytree(folder, tmp_path / "elsewhere")
    (elsewhere / "README.md").write_text("says nothing")
    assert find(at(elsewhere)).digest() == first
    (elsewhere / "1_Pooling").mkdir()
    seen = {first}
    tokens = ("special_tokens_map.json", "merges.txt", "bpe.codes", "word_shape.json")
    for name in (*FILES, *tokens, "1_Pooling/config.json"):
        with (elsewhere / name).open("ab") as file:
            file.write(b" ")
        seen.add(find(at(elsewhere)).digest())
    assert len(seen) == 9


def test_the_digest_by_hand(folder: Path) -> None:
    # SHA-256 over "<name> <SHA-256 of its bytes>\n" of config, tokenizer and weights.
    assert find(at(folder)).digest() == (
        "c7b2432a2d026c9f3372196f30ceffb4a8c987046d4d474a083e6e2c84a3d762"
    )


# --- from the Hub ----------------------------------------------------------------------------


def test_offline_is_said_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(UsageError) as error:
        find(at("some/roberta"))
    assert str(error.value).startswith(
        "checkpoint 'some/roberta': it is no folder here, and the Hugging Face Hub could not be "
        "reached ("
    )
    assert "\n" not in str(error.value)


class Remote:
    """Stands in for ``snapshot_download``: copies files that are asked for into a cache."""

    def __init__(self, source: Path, cache: Path) -> None:
        self.source, self.cache = source, cache

    def __call__(
        self,
        name: str,
        *,
        revision: str | None,
        allow_patterns: list[str],
        local_files_only: bool = False,
    ) -> str:
        assert (name, revision) == ("some/roberta", "v1")
        if local_files_only and not self.cache.exists():
            raise FileNotFoundError(self.cache)
        self.cache.mkdir(exist_ok=True)
        for pattern in () if local_files_only else allow_patterns:
            for file in self.source.glob(pattern):
                shutil.copy(file, self.cache / file.name)
        return str(self.cache)


@pytest.mark.parametrize("stem", [None, "model.safetensors", "pytorch_model.bin"])
def test_what_is_needed_is_fetched_once(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stem: str | None
) -> None:
    weights = ["model.safetensors"] if stem is None else shard(folder, stem)
    (folder / "tokenizer.json").unlink()
    more = ("bpe.codes", "word_shape.json", "word_pronunciation.json", "entity_vocab.json")
    tokens = ("vocab.json", "merges.txt", *more)
    for name in (*tokens, "tf_model.h5", "model-quantised.safetensors"):
        (folder / name).write_text("{}")
    cache = tmp_path / "cache"
    monkeypatch.setattr("huggingface_hub.snapshot_download", Remote(folder, cache))
    parameters = at("some/roberta", revision="v1")
    found = find(parameters)
    assert found.folder == cache
    expected = {"config.json", *tokens, *weights}
    assert {file.name for file in cache.iterdir()} == expected
    monkeypatch.setattr(hub, "download", None)  # not to be called
    assert find(parameters) == found


def test_a_second_fetch_that_fails_is_said_in_one_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> str:
        raise ConnectionError("it broke off\nat byte 7")

    monkeypatch.setattr(hub, "cached", lambda name, revision: None)
    monkeypatch.setattr(hub, "download", lambda name, revision: folder)
    monkeypatch.setattr("huggingface_hub.snapshot_download", broken)
    with pytest.raises(UsageError) as error:
        checkpoint.find(at("some/roberta"))
    assert str(error.value) == (
        "checkpoint 'some/roberta': it could not be fetched (ConnectionError: it broke off)"
    )
