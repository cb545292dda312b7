"""Checkpoints in the Hugging Face layout: those of the stages, and the encoder itself."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from mtbench_builtins.encoders.minbert import MinBert
from mtbench_builtins.encoders.names import stored_names
from mtbench_builtins.encoders.parameters import MinBertParameters
from mtbench_builtins.encoders.shape import Shape
from mtbench_builtins.encoders.tokenizer import WordPieceTokenizer

HIDDEN_DROPOUT = 0.1
"""What the configuration tells those who fine-tune; the recipe itself drops nothing."""


def write(
    folder: Path,
    shape: Shape,
    vocabulary: Sequence[str],
    state: Mapping[str, Tensor],
    dtype: torch.dtype = torch.float32,
) -> None:
    """Write a checkpoint.

    Args:
        folder: where to.
        shape: of the weights.
        vocabulary: WordPieces; a piece's place is its token id.
        state: parameters under minBERT's names; a pooler's are left out, since none is trained.
        dtype: of the tensors in the file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "architectures": ["BertModel"],
        "attention_probs_dropout_prob": HIDDEN_DROPOUT,
        "hidden_act": "gelu",
        "hidden_dropout_prob": HIDDEN_DROPOUT,
        "hidden_size": shape.width,
        "initializer_range": 0.02,
        "intermediate_size": shape.intermediate,
        "layer_norm_eps": shape.epsilon,
        "max_position_embeddings": shape.max_positions,
        "model_type": "bert",
        "num_attention_heads": shape.attention_heads,
        "num_hidden_layers": shape.layers,
        "pad_token_id": 0,
        "position_embedding_type": "absolute",
        "torch_dtype": str(dtype).removeprefix("torch."),
        "type_vocab_size": shape.types,
        "vocab_size": shape.vocabulary,
    }
    _write_json(folder / "config.json", config)
    tokenizer = {
        "do_lower_case": True,
        "model_max_length": shape.max_positions,
        "tokenizer_class": "BertTokenizer",
    }
    _write_json(folder / "tokenizer_config.json", tokenizer)
    pooling = {
        "word_embedding_dimension": shape.width,
        "pooling_mode_cls_token": False,
        "pooling_mode_mean_tokens": True,
        "pooling_mode_max_tokens": False,
        "pooling_mode_mean_sqrt_len_tokens": False,
    }
    (folder / "1_Pooling").mkdir(exist_ok=True)
    _write_json(folder / "1_Pooling" / "config.json", pooling)
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    tensors = {}
    for name, parameter in state.items():
        if not name.startswith("pooler."):
            names = stored_names(name)
            for source, part in zip(names, parameter.detach().chunk(len(names)), strict=True):
                tensors[source] = part.to(dtype).contiguous()
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def read(folder: Path, max_tokens: int | None = None) -> tuple[MinBert, WordPieceTokenizer]:
    """Read a checkpoint as a fine-tuning would, without dropout.

    Raises:
        UsageError: if it is none.
    """
    # A path: a folder that is called tiny, from where it lies, is not the one in the wheel.
    path = str(folder.absolute())
    parameters = MinBertParameters(checkpoint=path, dropout=0.0, max_tokens=max_tokens)
    return MinBert(parameters), WordPieceTokenizer(parameters)


def _write_json(file: Path, content: Mapping[str, object]) -> None:
    file.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
