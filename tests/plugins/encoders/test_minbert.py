import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from mtbench.api import RaggedBatch, Tokens
from mtbench.model.batching import ragged
from mtbench.model.pooling import pool
from mtbench_builtins.encoders.dropout import Dropout
from mtbench_builtins.encoders.minbert import MinBert
from mtbench_builtins.encoders.parameters import MinBertParameters
from mtbench_builtins.encoders.shipped import SHIPPED, TINY
from mtbench_builtins.encoders.tokenizer import WordPieceTokenizer

Folder = Callable[..., Path]

LENGTHS = (7, 3, 16, 3, 2, 7, 7)


def sequences(lengths: tuple[int, ...] = LENGTHS, vocabulary: int = 23) -> list[Tokens]:
    """Return random sequences; the second half of each is of segment 1."""
    generator = torch.Generator().manual_seed(1)
    return [
        Tokens(
            torch.randint(5, vocabulary, (length,), generator=generator).tolist(),
            [int(i >= length / 2) for i in range(length)],
        )
        for length in lengths
    ]


def padded(given: list[Tokens]) -> dict[str, Tensor]:
    """Return the batch as the library transformers wants it."""
    longest = max(len(sequence.ids) for sequence in given)

    def rectangle(rows: list[list[int]]) -> Tensor:
        return torch.tensor([row + [0] * (longest - len(row)) for row in rows])

    return {
        "input_ids": rectangle([sequence.ids for sequence in given]),
        "token_type_ids": rectangle([sequence.types for sequence in given]),
        "attention_mask": rectangle([[1] * len(sequence.ids) for sequence in given]),
    }


def real_tokens(rectangle: Tensor, batch: RaggedBatch) -> Tensor:
    """Return the real tokens of a padded rectangle [N, L, d] as the batch's stream [T, d]."""
    return torch.cat([row[:n] for row, n in zip(rectangle, batch.lengths, strict=True)])


def minbert(**parameters: Any) -> MinBert:
    torch.manual_seed(0)
    return MinBert(MinBertParameters(**parameters))


def small(**parameters: Any) -> MinBert:
    shape = {"layers": 2, "width": 16, "attention_heads": 2, "intermediate": 24}
    return minbert(**shape, **parameters)


# --- against the library transformers --------------------------------------------------------


@pytest.mark.parametrize("pickled", [False, True])
def test_equals_bert_of_transformers_on_every_real_token(
    bert_folder: Folder, pickled: bool
) -> None:
    from transformers import BertModel

    folder = bert_folder(pickled=pickled)
    assert_equals_transformers(BertModel.from_pretrained(folder), folder, sequences())


def test_equals_bert_of_transformers_on_pretrained_weights(minilm: Path) -> None:
    from transformers import BertModel

    texts = [("A dog barks.",), ("The hound makes a noise!", "It barks"), ("Not a good film",)]
    given = WordPieceTokenizer(MinBertParameters(checkpoint=str(minilm))).encode(texts)
    assert_equals_transformers(BertModel.from_pretrained(minilm), minilm, given)


def test_equals_bert_of_transformers_on_the_shipped_weights() -> None:
    from transformers import BertModel

    # They are stored in half precision and computed with in float32, without a pooler.
    reference = BertModel.from_pretrained(
        SHIPPED[TINY], add_pooling_layer=False, dtype=torch.float32
    )
    texts = [("A dog barks.",), ("The hound makes a noise!", "It barks"), ("Not a good film",)]
    given = WordPieceTokenizer(MinBertParameters(checkpoint=TINY)).encode(texts)
    assert_equals_transformers(reference, TINY, given)


def assert_equals_transformers(
    reference: Any, checkpoint: Path | str, given: list[Tokens]
) -> None:
    batch = ragged(given)
    with torch.no_grad():
        output = minbert(checkpoint=str(checkpoint)).eval()(batch)
        expected = reference.eval()(**padded(given))
    tokens = real_tokens(expected.last_hidden_state, batch)
    torch.testing.assert_close(output.tokens, tokens, rtol=0, atol=1e-5)
    if expected.pooler_output is not None:
        pooled = pool(output, batch, "pooler")
        torch.testing.assert_close(pooled, expected.pooler_output, rtol=0, atol=1e-5)


def test_outputs_and_gradients_equal_a_padded_computation(bert_folder: Folder) -> None:
    from transformers import BertModel

    folder = bert_folder()
    reference = BertModel.from_pretrained(folder, attn_implementation="eager").double().eval()
    model = minbert(checkpoint=str(folder), dropout=0.0).double().train()
    given = sequences()
    batch = ragged(given)
    output = model(batch)
    expected = reference(**padded(given))
    tokens = real_tokens(expected.last_hidden_state, batch)
    pooled = expected.pooler_output
    torch.testing.assert_close(output.tokens, tokens, rtol=0, atol=1e-10)
    torch.testing.assert_close(output.pooled, pooled, rtol=0, atol=1e-10)

    generator = torch.Generator().manual_seed(2)
    of_tokens = torch.randn(tokens.shape, generator=generator, dtype=torch.float64)
    of_pooled = torch.randn(pooled.shape, generator=generator, dtype=torch.float64)
    ((output.tokens * of_tokens).sum() + (output.pooled * of_pooled).sum()).backward()
    ((tokens * of_tokens).sum() + (pooled * of_pooled).sum()).backward()
    gradients = {name: parameter.grad for name, parameter in reference.named_parameters()}
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        expected_gradient = torch.cat([gradients.pop(theirs) for theirs in their_names(name)])
        difference = (parameter.grad - expected_gradient).abs().max().item()
        assert difference < 1e-10, name
    assert gradients == {}


def their_names(name: str) -> list[str]:
    """Return what transformers calls a parameter of minBERT."""
    for ours, theirs in (
        ("embeddings.word", "embeddings.word_embeddings"),
        ("embeddings.position", "embeddings.position_embeddings"),
        ("embeddings.segment", "embeddings.token_type_embeddings"),
        ("embeddings.norm", "embeddings.LayerNorm"),
        ("layers", "encoder.layer"),
        ("attention_norm", "attention.OUT.LayerNorm"),
        ("output_norm", "OUT.LayerNorm"),
        ("attention.output", "attention.OUT.dense"),
        ("intermediate", "intermediate.dense"),
        ("output", "OUT.dense"),
        ("pooler", "pooler.dense"),
    ):
        name = name.replace(ours, theirs)
    name = name.replace("OUT", "output")
    return [
        name.replace("attention.qkv", f"attention.self.{part}")
        for part in (("query", "key", "value") if "qkv" in name else ("",))
    ]


# --- ragged batches --------------------------------------------------------------------------


def test_no_padded_token_is_computed() -> None:
    model = small().eval()
    rows: list[int] = []
    for layer in model.layers:
        layer.intermediate.register_forward_hook(lambda _, x, y: rows.append(x[0].shape[0]))
    output = model(ragged(sequences()))
    assert rows == [sum(LENGTHS)] * 2
    assert output.tokens.shape == (sum(LENGTHS), 16)
    assert output.pooled.shape == (len(LENGTHS), 16)


# --- initial weights -------------------------------------------------------------------------


def test_initial_weights_are_berts() -> None:
    model = minbert()
    for name, parameter in model.named_parameters():
        if name.endswith("norm.weight"):
            assert (parameter == 1).all()
        elif name.endswith("bias"):
            assert (parameter == 0).all()
        else:
            spread = 0.02 / parameter.numel() ** 0.5
            assert abs(parameter.mean().item()) < 5 * spread, name
            assert abs(parameter.std().item() - 0.02) < 5 * spread, name
    assert model.pooling == "mean"
    assert model.width == 128


def test_a_pinned_output() -> None:
    model = small().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.arange(parameter.numel()).sin().view_as(parameter) / 2)
    output = model(ragged([Tokens([2, 5, 6, 3], [0, 0, 1, 1]), Tokens([2, 7, 3], [0, 0, 0])]))
    states = [0.83583, 0.82714, 0.84129, 0.83017, 0.83586, 0.82765, 0.83309]
    assert output.tokens[:, 1].tolist() == pytest.approx(states, abs=2e-5)
    assert output.pooled[:, 1].tolist() == pytest.approx([-0.86403, -0.86404], abs=2e-5)


# --- modes -----------------------------------------------------------------------------------


def test_the_checkpoints_dropout_is_the_default(bert_folder: Folder) -> None:
    folder = bert_folder()
    kept = minbert(checkpoint=str(folder))
    assert kept.embeddings.dropout.rate == kept.layers[0].attention.dropout == 0.1
    given = minbert(checkpoint=str(folder), dropout=0.25)
    assert given.embeddings.dropout.rate == given.layers[2].dropout.rate == 0.25
    assert given.layers[2].attention.dropout == 0.25


def test_hidden_states_are_dropped_where_bert_drops_them() -> None:
    model = small()
    calls: list[torch.nn.Module] = []
    for module in model.modules():
        if isinstance(module, Dropout):
            module.register_forward_hook(lambda dropout, x, y: calls.append(dropout))
    model(ragged(sequences()))
    first, second = (layer.dropout for layer in model.layers)
    assert calls == [model.embeddings.dropout, first, first, second, second]


def test_attention_is_dropped_too() -> None:
    model = small(dropout=0.0)
    batch = ragged(sequences())
    assert torch.equal(model(batch).tokens, model(batch).tokens)
    for layer in model.layers:
        layer.attention.dropout = 0.5
    assert not torch.equal(model(batch).tokens, model(batch).tokens)


def test_an_unused_pooler_keeps_no_gradient() -> None:
    model = small()
    batch = ragged(sequences())
    pool(model(batch), batch, "mean").sum().backward()
    assert model.pooler.weight.grad is None
    assert model.pooler.bias.grad is None
    assert model.layers[0].attention.qkv.weight.grad is not None


def test_tokens_and_fingerprint_need_no_torch(bert_folder: Folder) -> None:
    code = """
import sys
from mtbench.specs import resolve
from mtbench_builtins.encoders import MINBERT
assert "pydantic" not in sys.modules
for given in ({"checkpoint": sys.argv[1]}, {}):
    parameters = resolve(MINBERT.parameters).model_validate(given)
    resolve(MINBERT.tokenizer)(parameters).encode([("a film",)])
    assert len(resolve(MINBERT.fingerprint)(parameters)) == 64
assert "torch" not in sys.modules
"""
    subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}\n{code}", bert_folder()],
        check=True,
    )
