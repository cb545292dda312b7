import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer

from mtbench.api import UsageError
from mtbench_builtins.encoders.huggingface.checkpoint import find
from mtbench_builtins.encoders.huggingface.inspection import (
    WITH_POOLER,
    cased,
    fingerprint,
    longest,
    pooler_is_drawn,
)
from mtbench_builtins.encoders.huggingface.parameters import HuggingFaceParameters

Folder = Callable[..., Path]


def at(folder: Path, **parameters: Any) -> HuggingFaceParameters:
    return HuggingFaceParameters(checkpoint=str(folder), **parameters)


def refusal(folder: Path, **parameters: Any) -> str:
    with pytest.raises(UsageError) as error:
        fingerprint(at(folder, **parameters))
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with files of the right names, of an encoder called x without a tensor."""
    (tmp_path / "config.json").write_text('{"model_type": "x"}')
    (tmp_path / "tokenizer.json").write_text("{}")
    save_file({}, tmp_path / "model.safetensors")
    return tmp_path


# --- fingerprint ------------------------------------------------------------------------------


def test_a_sound_checkpoints_fingerprint_is_its_digest(folder: Path) -> None:
    assert fingerprint(at(folder)) == find(at(folder)).digest()


@pytest.mark.parametrize("sharded", [False, True])
def test_a_pickle_that_is_cut_off_is_refused_before_a_run(folder: Path, sharded: bool) -> None:
    (folder / "model.safetensors").unlink()
    file = folder / ("pytorch_model-1.bin" if sharded else "pytorch_model.bin")
    if sharded:
        index = {"weight_map": {"a": file.name}}
        (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    torch.save({"a": torch.ones(1)}, file)
    assert len(fingerprint(at(folder))) == 64

    file.write_bytes(file.read_bytes()[:-1])

    assert refusal(folder) == (f"{file}: no weights can be read from it (File is not a zip file)")


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ("{}", "it has no model_type"),
        ('{"model_type": "t5", "is_encoder_decoder": true}', "is_encoder_decoder is true"),
        ('{"model_type": "bert", "is_decoder": true}', "is_decoder is true; only encoders"),
        (
            '{"model_type": "bert", "auto_map": {"AutoModel": "own.Model"}}',
            r"code that comes with it, which mtbench does not run \(auto_map: own\.Model\)$",
        ),
    ],
)
def test_what_is_no_encoder_is_refused_before_anything_runs(
    folder: Path, config: str, reason: str
) -> None:
    (folder / "config.json").write_text(config)
    with pytest.raises(UsageError, match=reason) as error:
        fingerprint(at(folder))
    assert "\n" not in str(error.value)


def test_code_of_its_own_for_something_else_is_no_hindrance(folder: Path) -> None:
    config = {
        "model_type": "bert",
        "auto_map": {"AutoModelForSequenceClassification": "own.Model"},
    }
    (folder / "config.json").write_text(json.dumps(config))
    assert len(fingerprint(at(folder))) == 64


def test_integer_weights_need_a_configuration_that_says_how_to_scale_them(folder: Path) -> None:
    file = folder / "model.safetensors"
    counts = {"position_ids": torch.arange(9), "a.weight": torch.zeros(9).half()}
    save_file(counts, file)
    assert len(fingerprint(at(folder))) == 64
    save_file(counts | {"a.weight": torch.arange(9)}, file)
    assert refusal(folder).startswith(f"{file}: the tensor 'a.weight' is of kind I64; weights")
    config = {"model_type": "x", "quantization_config": {"quant_method": "gptq"}}
    (folder / "config.json").write_text(json.dumps(config))
    assert len(fingerprint(at(folder))) == 64


@pytest.mark.parametrize(
    ("config", "positions"),
    [
        ({"model_type": "bert", "max_position_embeddings": 512}, 512),
        ({"model_type": "roberta", "max_position_embeddings": 514, "pad_token_id": 1}, 512),
        ({"model_type": "roberta", "max_position_embeddings": 514}, 513),  # at most
        ({"model_type": "xlnet"}, None),
    ],
)
def test_more_tokens_than_positions_are_refused(
    folder: Path, config: dict[str, Any], positions: int | None
) -> None:
    (folder / "config.json").write_text(json.dumps(config))
    assert longest(find(at(folder)), None) == positions
    assert len(fingerprint(at(folder, max_tokens=positions or 9999))) == 64
    if positions is not None:
        assert refusal(folder, max_tokens=positions + 1) == (
            f"max_tokens is {positions + 1}, but {folder}/config.json: max_position_embeddings is "
            f"{positions}"
        )


def test_the_tokenizers_limit_counts_where_it_is_one(folder: Path) -> None:
    for length, limit in [(100, 100), (1e30, None), (math.inf, None), (None, None), ("9", None)]:
        config = json.dumps({"model_max_length": length})
        (folder / "tokenizer_config.json").write_text(config)
        assert longest(find(at(folder)), None) == limit


# --- poolers and case -------------------------------------------------------------------------


def has_pooler(kind: str) -> bool:
    """Whether the library's model of a kind has weights in a pooler."""
    from transformers import AutoConfig, AutoModel

    config = AutoConfig.for_model(kind)
    if kind == "esm":
        config.vocab_size = 33  # it has no default
    with torch.device("meta"):
        names = [name for name, _ in AutoModel.from_config(config).named_parameters()]
    return any("pooler" in name.split(".") for name in names)


def test_the_kinds_with_a_pooler_are_those_of_the_library() -> None:
    from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES

    # Funnel has no default that can be built, and no pooler.
    kinds = {*MODEL_FOR_MASKED_LM_MAPPING_NAMES, "lilt", "markuplm"} - {"funnel"}
    assert {kind for kind in kinds if has_pooler(kind)} == WITH_POOLER


@pytest.mark.parametrize(
    ("family", "drawn"), [("bert", True), ("roberta", True), ("mpnet", True), ("electra", False)]
)
def test_a_pooler_that_is_drawn(folder_of: Folder, family: str, drawn: bool) -> None:
    folder = folder_of(family)
    assert not pooler_is_drawn(find(at(folder)))
    file = folder / "model.safetensors"
    tensors = {name: t for name, t in load_file(file).items() if "pooler" not in name.split(".")}
    save_file(tensors, file)
    assert pooler_is_drawn(find(at(folder))) is drawn


def test_a_pooler_in_one_of_several_files_is_there(folder_of: Folder) -> None:
    folder = folder_of("bert")
    file = folder / "model.safetensors"
    tensors = load_file(file)
    file.unlink()
    parts = {True: "model-00001-of-00002.safetensors", False: "model-00002-of-00002.safetensors"}
    places = {name: parts["pooler" in name] for name in tensors}
    for part in parts.values():
        save_file({n: t for n, t in tensors.items() if places[n] == part}, folder / part)
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": places}))
    assert not pooler_is_drawn(find(at(folder)))
    without = {name: part for name, part in places.items() if "pooler" not in name}
    index.write_text(json.dumps({"weight_map": without}))
    assert pooler_is_drawn(find(at(folder)))


def test_a_cased_vocabulary_of_a_bert_whose_case_is_lowered(folder_of: Folder) -> None:
    folder = folder_of("bert")
    assert cased(find(at(folder))) == 0
    file = folder / "vocab.txt"
    file.write_text(file.read_text().replace("film", "Film"))
    assert cased(find(at(folder))) > 0.1
    assert cased(find(at(folder_of("roberta")))) == 0


def test_a_cased_tokenizer_whose_case_the_library_lowers_by_default(folder_of: Folder) -> None:
    """minbert refuses such a folder; transformers follows its own default."""
    folder = folder_of("bert")
    (folder / "vocab.txt").write_text((folder / "vocab.txt").read_text().replace("film", "Film"))
    AutoTokenizer.from_pretrained(folder, do_lower_case=False).save_pretrained(folder)
    (folder / "vocab.txt").unlink(missing_ok=True)
    assert cased(find(at(folder))) == 0

    configuration = folder / "tokenizer_config.json"
    values = json.loads(configuration.read_text())
    del values["do_lower_case"]
    configuration.write_text(json.dumps(values))

    assert AutoTokenizer.from_pretrained(folder).tokenize("Film") != ["Film"]
    assert cased(find(at(folder))) > 0.1
