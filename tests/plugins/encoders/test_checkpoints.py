"""Checkpoints of both kinds of encoder: which files they are, their digest, and the Hub."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from mtbench.api import UsageError
from mtbench_builtins.encoders import checkpoints, hub
from mtbench_builtins.encoders.huggingface import checkpoint as huggingface
from mtbench_builtins.encoders.huggingface.parameters import HuggingFaceParameters
from mtbench_builtins.encoders.parameters import MinBertParameters
from mtbench_builtins.encoders.shipped import SHIPPED, TINY

Find = Callable[..., Any]

FILES = ("config.json", "model.safetensors", "tokenizer.json")
TOKENS = ("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json")


@pytest.fixture(params=["minbert", "huggingface"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def find(kind: str) -> Find:
    """Give the function that finds a checkpoint of an encoder, by its name and revision."""

    def find_named(name: Path | str, revision: str | None = None) -> Any:
        if kind == "minbert":
            given = MinBertParameters(checkpoint=str(name), revision=revision)
            return checkpoints.find(given)
        return huggingface.find(HuggingFaceParameters(checkpoint=str(name), revision=revision))

    return find_named


def find_hugging(name: Path | str, revision: str | None = None) -> huggingface.Checkpoint:
    return huggingface.find(HuggingFaceParameters(checkpoint=str(name), revision=revision))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with files of the right names."""
    place = tmp_path / "checkpoint"
    place.mkdir()
    for name in FILES:
        (place / name).write_text(name)
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


# --- which files ------------------------------------------------------------------------------


def test_the_best_form_of_each_file_is_taken(folder: Path, find: Find) -> None:
    for name in ("pytorch_model.bin", "vocab.txt"):
        (folder / name).write_text("")
    found = find(folder)
    assert found.folder == folder
    assert [found.config, found.weights, found.vocabulary] == [folder / name for name in FILES]


def test_without_a_checkpoint_there_are_no_files() -> None:
    assert checkpoints.find(MinBertParameters()) is None


def test_what_is_missing_is_named_with_what_is_there(
    folder: Path, tmp_path: Path, kind: str, find: Find
) -> None:
    (folder / "model.safetensors").unlink()
    with pytest.raises(UsageError) as error:
        find(folder)
    weights = {
        "minbert": "model.safetensors or pytorch_model.bin",
        "huggingface": "model.safetensors or model.safetensors.index.json or pytorch_model.bin or "
        "pytorch_model.bin.index.json",
    }
    assert str(error.value) == (
        f"checkpoint {str(folder)!r}: no weights ({weights[kind]}) "
        "(found: config.json, tokenizer.json)"
    )
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"no configuration .*no weights .*no vocab.*: nothing"):
        find(tmp_path / "empty")


def test_places_that_are_none(folder: Path, kind: str, find: Find) -> None:
    with pytest.raises(UsageError, match="is a file; give the folder that it is in"):
        find(folder / "config.json")
    with pytest.raises(UsageError, match="is a folder: it has no revision 'v1'"):
        find(folder, "v1")
    said = "'tiny' comes with mtbench" if kind == "minbert" else "'tiny' is a folder"
    with pytest.raises(UsageError, match=f"{said}: it has no revision 'main'"):
        find(TINY, "main")


def test_what_mtbench_ships_needs_no_path_and_a_folder_of_its_name_one(
    folder: Path, tmp_path: Path, find: Find, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.rename(tmp_path / TINY)
    monkeypatch.chdir(tmp_path)
    assert find(TINY).folder == SHIPPED[TINY]
    assert find(f"./{TINY}").folder == Path(TINY)


def test_a_broken_config_is_refused(folder: Path) -> None:
    found = checkpoints.find(MinBertParameters(checkpoint=str(folder)))
    assert found is not None
    for content, said in (("{", "no JSON in UTF-8"), ("[]", "expected a JSON object")):
        (folder / "config.json").write_text(content)
        with pytest.raises(UsageError, match=rf"config\.json: {said}"):
            found.shape()


@pytest.mark.parametrize("stem", ["model.safetensors", "pytorch_model.bin"])
def test_weights_may_be_in_several_files(folder: Path, stem: str) -> None:
    names = shard(folder, stem)
    assert [file.name for file in find_hugging(folder).weight_files()] == names
    first = find_hugging(folder).digest()
    (folder / names[2]).write_text("other weights")
    assert find_hugging(folder).digest() != first
    (folder / names[2]).unlink()
    with pytest.raises(UsageError, match=rf"it names {names[2]}, which is not there"):
        find_hugging(folder).digest()
    (folder / names[0]).write_text("{}")
    with pytest.raises(UsageError, match="it has no weight_map"):
        find_hugging(folder).digest()


def test_an_adapter_is_refused(folder: Path) -> None:
    (folder / "adapter_config.json").write_text("{}")
    with pytest.raises(UsageError, match="merge the adapter into the weights first"):
        find_hugging(folder)


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
    known = {*huggingface.NEEDED["vocabulary"], *huggingface.OTHERS}
    assert {name: names - known for name, names in files.items() if names - known} == {}


# --- digest -----------------------------------------------------------------------------------


def test_the_digest_is_of_the_bytes_and_not_of_the_path(
    folder: Path, tmp_path: Path, kind: str, find: Find
) -> None:
    # SHA-256 over "<name> <SHA-256 of its bytes>\n" of the files, each in an encoder's order.
    first = find(folder).digest()
    by_hand = {
        "minbert": "8cad75c50599892b76d5a58573722f89580d08d8d6fc1a6846cd94a315392bf2",
        "huggingface": "55871bc087dc9480576da6913f392005d563472e40fa9606b8c096a3a8f526d2",
    }
    assert first == by_hand[kind]
    elsewhere = shutil.copytree(folder, tmp_path / "elsewhere")
    (elsewhere / "README.md").write_text("says nothing")
    assert find(elsewhere).digest() == first
    (elsewhere / "1_Pooling").mkdir()
    seen = {first}
    more = ("merges.txt", "bpe.codes", "word_shape.json") if kind == "huggingface" else ()
    for name in (*FILES, "1_Pooling/config.json", *TOKENS, *more):
        with (elsewhere / name).open("ab") as file:
            file.write(b" ")
        seen.add(find(elsewhere).digest())
    assert len(seen) == 8 + len(more)


# --- from the Hub -----------------------------------------------------------------------------

FIND = """
import sys
from mtbench.api import UsageError
from mtbench_builtins.encoders.checkpoints import find
from mtbench_builtins.encoders.parameters import MinBertParameters
try:
    print(find(MinBertParameters(checkpoint=sys.argv[1])))
except UsageError as error:
    print(error)
"""
UNREACHED = (
    "checkpoint 'some/bert': it is no folder here, and the Hugging Face Hub could not be reached ("
)


def find_in_another_process(name: str, cache: Path, **environment: str) -> str:
    """Return what ``find`` says, one line, with settings that the library reads on import."""
    settings = {
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_CACHE": str(cache),
        "NO_PROXY": "*",
        "no_proxy": "*",
    }
    result = subprocess.run(
        [sys.executable, "-c", FIND, name],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)} | settings | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return result.stdout.removesuffix("\n")


def test_an_unreachable_hub_is_said_in_one_line(tmp_path: Path) -> None:
    said = find_in_another_process("some/bert", tmp_path, HF_ENDPOINT="http://127.0.0.1:9")
    assert said.startswith(UNREACHED)
    assert "\n" not in said


def test_offline_is_said_in_one_line(
    tmp_path: Path, find: Find, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(UsageError) as error:
        find("some/bert")
    assert str(error.value).startswith(UNREACHED)
    assert "\n" not in str(error.value)


class NoSuchRepository(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(404)
        self.send_header("X-Error-Code", "RepoNotFound")
        self.end_headers()

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_request(self, *args: object) -> None:
        """Print nothing."""


@pytest.fixture
def empty_hub() -> Iterator[str]:
    """Give the address of a Hub without repositories, on this machine."""
    with HTTPServer(("127.0.0.1", 0), NoSuchRepository) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_an_unknown_repository_is_said_in_one_line(tmp_path: Path, empty_hub: str) -> None:
    said = find_in_another_process("some/bert", tmp_path, HF_ENDPOINT=empty_hub)
    assert said == (
        "checkpoint 'some/bert': it is no folder here, and the Hub has no such repository"
    )


def test_what_can_be_no_repository_is_said() -> None:
    with pytest.raises(UsageError, match="it is no name of a Hub repository either"):
        hub.download("./models/my bert", None)


def test_the_cache_comes_first(
    folder: Path, tmp_path: Path, find: Find, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The Hub cannot be reached from here."""
    repository = tmp_path / "cache" / "models--some--bert"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("c0ffee")
    snapshot = shutil.copytree(folder, repository / "snapshots" / "c0ffee")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    assert find("some/bert", "main").folder == snapshot
    assert hub.cached("some/bert", "v2") is None
    assert hub.cached("not a name", None) is None


class Remote:
    """Stands in for ``snapshot_download``: copies files that are asked for into a cache.

    Args:
        most: fetches until the network breaks.
    """

    def __init__(self, source: Path, cache: Path, *, most: int = 9) -> None:
        self.source, self.cache, self.left = source, cache, most

    def __call__(
        self,
        name: str,
        *,
        revision: str | None,
        allow_patterns: list[str],
        local_files_only: bool = False,
    ) -> str:
        assert (name, revision) == ("some/bert", "v1")
        if local_files_only:
            if not self.cache.exists():
                raise FileNotFoundError(self.cache)
            return str(self.cache)
        if self.left == 0:
            raise ConnectionError("it broke off\nat byte 7")
        self.left -= 1
        for pattern in allow_patterns:
            for file in self.source.glob(pattern):
                place = self.cache / file.relative_to(self.source)
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file, place)
        return str(self.cache)


DECLARED = ("modules.json", "sentence_bert_config.json")
OF_FAMILIES = (
    *("vocab.json", "merges.txt", "bpe.codes"),
    *("word_shape.json", "word_pronunciation.json", "entity_vocab.json"),
)


@pytest.mark.parametrize(
    ("kind", "weights"),
    [
        ("minbert", "model.safetensors"),
        ("minbert", hub.PICKLED),
        ("huggingface", "model.safetensors"),
        ("huggingface", "model.safetensors.index.json"),
        ("huggingface", f"{hub.PICKLED}.index.json"),
    ],
    indirect=["kind"],
)
def test_what_is_needed_is_fetched_once(
    folder: Path, kind: str, find: Find, weights: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pickled weights only where there are no others."""
    names = [weights]
    if weights.endswith(".index.json"):
        names = shard(folder, weights.removesuffix(".index.json"))
    elif weights == hub.PICKLED:
        (folder / "model.safetensors").rename(folder / weights)
    else:
        (folder / hub.PICKLED).write_text("not to be fetched")
    of_kind = OF_FAMILIES if kind == "huggingface" else ("vocab.txt",)
    (folder / "1_Pooling").mkdir()
    for name in (*DECLARED, *TOKENS, *of_kind, "1_Pooling/config.json"):
        (folder / name).write_text("{}")
    for name in ("tf_model.h5", "model-quantised.safetensors"):
        (folder / name).write_text("not to be fetched")
    cache = folder.parent / "cache"
    remote = Remote(folder, cache)
    monkeypatch.setattr("huggingface_hub.snapshot_download", remote)
    found = find("some/bert", "v1")
    assert found.weights == cache / weights
    fetched = {file.relative_to(cache).as_posix() for file in cache.rglob("*.*")}
    needed = {"config.json", "tokenizer.json", "1_Pooling/config.json"}
    assert fetched == {*needed, *names, *DECLARED, *TOKENS, *of_kind}
    remote.left = 0
    assert find("some/bert", "v1") == found


def test_a_second_fetch_that_fails_is_said_in_one_line(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote = Remote(folder, tmp_path / "cache", most=1)
    monkeypatch.setattr("huggingface_hub.snapshot_download", remote)
    with pytest.raises(UsageError) as error:
        find_hugging("some/bert", "v1")
    assert str(error.value) == (
        "checkpoint 'some/bert': it could not be fetched (ConnectionError: it broke off)"
    )
