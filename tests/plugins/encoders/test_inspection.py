import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from mtbench.api import Cell, Component, UsageError
from mtbench_builtins.encoders.checkpoints import find
from mtbench_builtins.encoders.huggingface import inspection as huggingface
from mtbench_builtins.encoders.huggingface.parameters import HuggingFaceParameters
from mtbench_builtins.encoders.inspection import (
    fingerprint,
    parameters_of,
    pooler_is_drawn,
    reading,
)
from mtbench_builtins.encoders.parameters import MinBertParameters, TinyParameters
from mtbench_builtins.encoders.shipped import SHIPPED, TINY
from mtbench_builtins.encoders.vocabulary import vocabulary

Folder = Callable[..., Path]
Change = Callable[[Path], object]

WORDS = "embeddings.word_embeddings.weight"
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 1000\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return shutil.copytree(SHIPPED[TINY], tmp_path / "mine")


def rewritten(change: Callable[[str, torch.Tensor], dict[str, torch.Tensor]]) -> Change:
    """Return what changes the weights of a folder, tensor by tensor."""

    def write(folder: Path) -> None:
        file = folder / "model.safetensors"
        tensors: dict[str, torch.Tensor] = {}
        for name, tensor in load_file(file).items():
            tensors |= change(name, tensor)
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, file)

    return write


def prefixed(prefix: str) -> Change:
    return rewritten(lambda name, tensor: {prefix + name: tensor})


def replaced(name: str, content: str | bytes) -> Change:
    given = content if isinstance(content, bytes) else content.encode()

    def write(folder: Path) -> None:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(given)

    return write


def torn(folder: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-1])


SPOILT: dict[str, tuple[Change, str]] = {
    "a pointer in place of the weights": (
        replaced("model.safetensors", POINTER),
        "model.safetensors: a Git LFS pointer, not the weights; 'git lfs pull'",
    ),
    "a pointer in place of the vocabulary": (
        replaced("vocab.txt", POINTER),
        "vocab.txt: a Git LFS pointer, not the vocabulary",
    ),
    "a pointer in place of the configuration": (
        replaced("config.json", POINTER),
        "config.json: a Git LFS pointer, not the JSON",
    ),
    "torn weights": (torn, "model.safetensors: no weights can be read from it (Error while"),
    "other weights": (
        replaced("model.safetensors", b"\xff" * 99),
        "model.safetensors: no weights can be read from it (Error while",
    ),
    "a wrapper's names": (
        prefixed("module."),
        "model.safetensors: the tensors' names begin with 'module.' (module.embeddings.LayerNorm",
    ),
    "a compiler's names": (
        prefixed("_orig_mod."),
        "model.safetensors: the tensors' names begin with '_orig_mod.' (_orig_mod.embeddings",
    ),
    "other names": (
        prefixed("model."),
        f"model.safetensors: the tensor '{WORDS}' is missing (found: model.embeddings.LayerNorm",
    ),
    "integers": (
        rewritten(lambda name, t: {name: (t * 100).to(torch.int8) if name == WORDS else t}),
        f"model.safetensors: the tensor '{WORDS}' is of kind I8; weights are of kind",
    ),
    "another shape": (
        rewritten(lambda name, t: {name: t[1:] if name == WORDS else t}),
        f"model.safetensors: the tensor '{WORDS}' is of shape [7999, 160]; by config.json",
    ),
    "a vocabulary that is not UTF-8": (
        replaced("vocab.txt", b"[PAD]\n\xff\n"),
        "vocab.txt: the library tokenizers cannot read it (",
    ),
    "a flag that is null": (
        replaced("tokenizer_config.json", '{"do_lower_case": null}'),
        "tokenizer_config.json: do_lower_case is None; expected true or false",
    ),
    "poolings in a list": (
        replaced("1_Pooling/config.json", '{"pooling_mode": ["mean", "cls"]}'),
        "1_Pooling/config.json: declares the pooling ['mean', 'cls']; known are cls and mean",
    ),
    "modules that are none": (
        replaced("modules.json", "{}"),
        "modules.json: expected a list of modules",
    ),
    "settings that are none": (
        replaced("sentence_bert_config.json", "[]"),
        "sentence_bert_config.json: expected a JSON object",
    ),
}


MINBERTS_OWN = (
    *("other names", "another shape"),
    *("a vocabulary that is not UTF-8", "a flag that is null"),
)
"""What the library transformers says in the run, of any model that it knows."""

FINGERPRINTS: dict[str, Callable[..., str]] = {
    "minbert": lambda **given: fingerprint(MinBertParameters(**given)),
    "huggingface": lambda **given: huggingface.fingerprint(HuggingFaceParameters(**given)),
}


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        (kind, what)
        for kind in FINGERPRINTS
        for what in SPOILT
        if kind == "minbert" or what not in MINBERTS_OWN
    ],
)
def test_what_cannot_be_used_has_no_fingerprint(folder: Path, kind: str, what: str) -> None:
    spoil, said = SPOILT[what]
    FINGERPRINTS[kind](checkpoint=str(folder))
    spoil(folder)
    with pytest.raises(UsageError) as error:
        FINGERPRINTS[kind](checkpoint=str(folder))
    assert str(error.value).startswith(f"{folder}/{said}")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("kind", FINGERPRINTS)
def test_more_tokens_than_the_tokenizer_allows_are_refused(folder: Path, kind: str) -> None:
    (folder / "tokenizer_config.json").write_text('{"model_max_length": 100}')
    with pytest.raises(UsageError) as error:
        FINGERPRINTS[kind](checkpoint=str(folder), max_tokens=101)
    assert str(error.value) == (
        f"max_tokens is 101, but {folder}/tokenizer_config.json: model_max_length is 100"
    )


def test_pickled_weights_are_looked_at_and_not_unpickled(bert_folder: Folder) -> None:
    folder = bert_folder(pickled=True)
    file = folder / "pytorch_model.bin"
    whole = file.read_bytes()
    assert len(fingerprint(MinBertParameters(checkpoint=str(folder)))) == 64
    for content, reason in (
        (POINTER.encode(), "a Git LFS pointer, not the weights"),
        (whole[:-1], "no weights can be read from it (File is not a zip file)"),
        (b"", "no weights can be read from it (File is not a zip file)"),
    ):
        file.write_bytes(content)
        with pytest.raises(UsageError) as error:
            fingerprint(MinBertParameters(checkpoint=str(folder)))
        assert str(error.value).startswith(f"{file}: {reason}")


def test_pickled_weights_of_another_model_are_refused(bert_folder: Folder) -> None:
    folder = bert_folder(pickled=True)
    state = torch.load(folder / "pytorch_model.bin", weights_only=True)
    for change in (lambda name: f"module.{name}", lambda name: name.replace("key", "k")):
        torch.save({change(k): v for k, v in state.items()}, folder / "pytorch_model.bin")
        with pytest.raises(UsageError, match=r"pytorch_model\.bin: the tensor '\S+' is missing$"):
            fingerprint(MinBertParameters(checkpoint=str(folder)))


@pytest.mark.parametrize("parameters", [MinBertParameters, TinyParameters])
def test_more_tokens_than_positions_are_refused(parameters: Any) -> None:
    place = {"checkpoint": TINY} if parameters is MinBertParameters else {}
    assert len(fingerprint(parameters(**place, max_tokens=512))) == 64
    with pytest.raises(UsageError) as error:
        fingerprint(parameters(**place, max_tokens=513))
    assert str(error.value) == (
        f"max_tokens is 513, but {SHIPPED[TINY]}/config.json: max_position_embeddings is 512"
    )


def test_without_a_checkpoint_the_vocabulary_is_the_fingerprint() -> None:
    first = fingerprint(MinBertParameters())
    assert fingerprint(MinBertParameters(width=64)) == first
    assert first == hashlib.sha256("\n".join(vocabulary()).encode()).hexdigest()


# --- poolers ----------------------------------------------------------------------------------


def cell(name: str = "minbert", **parameters: Any) -> Cell:
    component = Component(name, parameters)
    return Cell({}, component, {}, Component("cycle"), Component("sum"), {})


@pytest.mark.parametrize("pickled", [False, True])
@pytest.mark.parametrize("pooler", [False, True])
def test_a_pooler_that_is_drawn(bert_folder: Folder, pooler: bool, pickled: bool) -> None:
    folder = bert_folder(pooler=pooler, pickled=pickled)
    found = find(MinBertParameters(checkpoint=str(folder)))
    assert found is not None
    assert found.folder == folder
    assert pooler_is_drawn(found) is not pooler


def test_without_a_checkpoint_no_pooler_is_known_to_be_drawn() -> None:
    assert pooler_is_drawn(find(TinyParameters()))
    assert not pooler_is_drawn(find(MinBertParameters()))


def test_the_parameters_of_a_cell() -> None:
    for given in (
        MinBertParameters(checkpoint=TINY, max_tokens=9),
        MinBertParameters(max_positions=1024, max_tokens=1000),
    ):
        assert parameters_of(cell(**given.model_dump())) == given
    of_tiny = parameters_of(cell("tiny", **TinyParameters(mode="frozen").model_dump()))
    assert of_tiny == MinBertParameters(checkpoint=TINY, mode="frozen")


# --- how texts are read -----------------------------------------------------------------------


def test_words_that_are_never_met(folder: Path) -> None:
    checkpoint = find(MinBertParameters(checkpoint=str(folder)))
    assert checkpoint is not None
    assert reading(checkpoint, 100) == (100, 0)
    assert reading(checkpoint, None) == (512, 0)
    pieces = (folder / "vocab.txt").read_text().splitlines()
    words = [i for i, piece in enumerate(pieces) if len(piece) > 1 and piece.isalpha()]
    for i in words[: len(words) // 4]:
        pieces[i] = pieces[i].title()
    (folder / "vocab.txt").write_text("\n".join(pieces) + "\n")
    assert reading(checkpoint, None).cased == pytest.approx(0.25, abs=0.001)
    (folder / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": False}))
    assert reading(checkpoint, None).cased == 0
