"""Small models of several families, with random weights, as checkpoints."""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

WORD_PIECES = (
    *("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "film", "was", "good", "bad", "not"),
    *("un", "##watch", "##able", "a", "i", "##s", ",", ".", "!", "'", "cafe", "films"),
)
BYTES = ("<s>", "<pad>", "</s>", "<unk>", "<mask>", *"abcdefghilmnostuw", "Ġ")
WORDS = ("<s>", "<pad>", "</s>", "[UNK]", "<mask>", *WORD_PIECES[5:])

SIZES = {
    "vocab_size": 23,
    "hidden_size": 12,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 20,
    "max_position_embeddings": 20,
}
DISENTANGLED = {
    "relative_attention": True,
    "position_buckets": 4,
    "pos_att_type": ["p2c", "c2p"],
    "position_biased_input": False,
    "type_vocab_size": 0,
}
SPECIAL = {f"{name}_token_id": 2 for name in ("bos", "cls")} | {
    f"{name}_token_id": 3 for name in ("eos", "sep")
}
FAMILIES: Mapping[str, Mapping[str, Any]] = {
    "bert": SIZES,
    "roberta": {**SIZES, "type_vocab_size": 1},
    "mpnet": SIZES,
    "electra": {**SIZES, "embedding_size": 8},
    "distilbert": {
        "vocab_size": 23,
        "dim": 12,
        "n_layers": 2,
        "n_heads": 3,
        "hidden_dim": 20,
        "max_position_embeddings": 20,
    },
    "albert": {**SIZES, "embedding_size": 8},
    "deberta-v2": {**SIZES, **DISENTANGLED},
    "modernbert": {**SIZES, "local_attention": 4, "pad_token_id": 0, **SPECIAL},
    "xlm-roberta": {**SIZES, "type_vocab_size": 1},
}
"""Kinds of model that are tested, and their shapes."""


def model_of(family: str) -> Any:
    """Return a model of a family with random weights, biases and norms among them."""
    from transformers import AutoConfig, AutoModel

    model = AutoModel.from_config(AutoConfig.for_model(family, **FAMILIES[family]))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.3)
    return model


def write(folder: Path, family: str, model: Any) -> None:
    """Write a model and a tokenizer of its family."""
    from transformers import MPNetTokenizer, RobertaTokenizer

    model.save_pretrained(folder)
    if family in ("roberta", "xlm-roberta"):
        pieces = {piece: i for i, piece in enumerate(BYTES)}
        RobertaTokenizer(vocab=pieces, merges=[]).save_pretrained(folder)
    elif family == "mpnet":
        words = {word: i for i, word in enumerate(WORDS)}
        MPNetTokenizer(vocab=words).save_pretrained(folder)
    else:
        (folder / "vocab.txt").write_text("\n".join(WORD_PIECES) + "\n")
        config = {"tokenizer_class": "BertTokenizer"}
        (folder / "tokenizer_config.json").write_text(json.dumps(config))


@pytest.fixture(scope="session")
def families(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place for a checkpoint a family, each written once and copied."""
    return tmp_path_factory.mktemp("families")


@pytest.fixture
def folder_of(tmp_path: Path, families: Path) -> Callable[..., Path]:
    """Give a function that writes a small checkpoint of a family and returns its folder."""

    def write_or_copy(family: str, *, model: Any = None) -> Path:
        if model is not None:
            write(tmp_path / family, family, model)
        else:
            if not (families / family).exists():
                write(families / family, family, model_of(family))
            shutil.copytree(families / family, tmp_path / family, dirs_exist_ok=True)
        return tmp_path / family

    return write_or_copy
