import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from mtbench.api import RaggedBatch, Tokens, UsageError
from mtbench.model.batching import ragged
from mtbench.model.pooling import pool
from mtbench_builtins.encoders.huggingface import padding
from mtbench_builtins.encoders.huggingface.encoder import HuggingFaceEncoder
from mtbench_builtins.encoders.huggingface.parameters import HuggingFaceParameters
from mtbench_builtins.encoders.minbert import MinBert
from mtbench_builtins.encoders.parameters import MinBertParameters
from mtbench_builtins.encoders.tokenizer import WordPieceTokenizer

Folder = Callable[..., Path]

FAMILIES = (
    *("bert", "roberta", "mpnet", "electra", "distilbert"),
    *("albert", "deberta-v2", "modernbert", "xlm-roberta"),
)
PAD = {"roberta": 1, "mpnet": 1, "xlm-roberta": 1}
TYPED = ("bert", "electra", "albert")
POOLED = ("bert", "roberta", "mpnet", "albert", "xlm-roberta")
SMALL = {
    "vocab_size": 23,
    "hidden_size": 12,
    "num_hidden_layers": 1,
    "num_attention_heads": 3,
    "intermediate_size": 20,
    "max_position_embeddings": 20,
}
LENGTHS = (7, 3, 18, 3, 2, 7, 8, 12)


def sequences(lengths: Sequence[int] = LENGTHS) -> list[Tokens]:
    """Return random sequences; the second half of each is of type 1."""
    generator = torch.Generator().manual_seed(1)
    return [
        Tokens(
            torch.randint(5, 23, (length,), generator=generator).tolist(),
            [int(i >= length / 2) for i in range(length)],
        )
        for length in lengths
    ]


def padded(given: list[Tokens], family: str) -> dict[str, Tensor]:
    """Return one rectangle of all sequences, as the library wants it."""
    longest = max(len(sequence.ids) for sequence in given)

    def rectangle(rows: Sequence[Any], pad: int = 0) -> Tensor:
        return torch.tensor([list(row) + [pad] * (longest - len(row)) for row in rows])

    types = {"token_type_ids": rectangle([sequence.types for sequence in given])}
    return {
        "input_ids": rectangle([sequence.ids for sequence in given], PAD.get(family, 0)),
        "attention_mask": rectangle([[1] * len(sequence.ids) for sequence in given]),
        **(types if family in TYPED else {}),
    }


def real_tokens(rectangle: Tensor, batch: RaggedBatch) -> Tensor:
    """Return the real tokens of a padded rectangle [N, L, d] as the batch's stream [T, d]."""
    return torch.cat([row[:n] for row, n in zip(rectangle, batch.lengths, strict=True)])


def encoder(folder: Path | str, **parameters: Any) -> HuggingFaceEncoder:
    torch.manual_seed(0)
    return HuggingFaceEncoder(HuggingFaceParameters(checkpoint=str(folder), **parameters))


# --- against the library's own call -----------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES)
def test_equals_the_librarys_own_padded_call(folder_of: Folder, family: str) -> None:
    from transformers import AutoModel

    folder = folder_of(family)
    model, given = encoder(folder).eval(), sequences()
    batch = ragged(given)
    assert len(padding.like_lengths(batch.lengths)) > 2
    with torch.no_grad():
        output = model(batch)
        expected = AutoModel.from_pretrained(folder).eval()(**padded(given, family))
    tokens = real_tokens(expected.last_hidden_state, batch)
    torch.testing.assert_close(output.tokens, tokens, rtol=0, atol=1e-5)
    if family in POOLED:
        torch.testing.assert_close(output.pooled, expected.pooler_output, rtol=0, atol=1e-5)
    else:
        assert torch.equal(output.pooled, output.tokens[batch.starts])
    assert (model.width, model.pooling) == (12, "pooler" if family in POOLED else "cls")


@pytest.mark.parametrize("family", FAMILIES)
def test_every_parameter_that_is_used_has_a_gradient(folder_of: Folder, family: str) -> None:
    model = encoder(folder_of(family), dropout=0.0).train()
    batch = ragged(sequences())
    (pool(model(batch), batch, "mean") ** 2).sum().backward()
    without = {name for name, p in model.named_parameters() if p.grad is None}
    assert without == {name for name, _ in model.named_parameters() if ".pooler." in name}
    model(batch).pooled.sum().backward()
    assert [name for name, p in model.named_parameters() if p.grad is None] == []


@pytest.mark.parametrize("family", FAMILIES)
def test_half_precision_and_deterministic_algorithms(folder_of: Folder, family: str) -> None:
    torch.set_deterministic_debug_mode("error")
    model = encoder(folder_of(family), dropout=0.0).train()
    batch = ragged(sequences())
    whole = model(batch)
    with torch.autocast("cpu", torch.bfloat16):
        half = model(batch)
        mean = pool(half, batch, "mean")
    (mean.float().sum() + half.pooled.float().sum()).backward()
    torch.testing.assert_close(half.tokens.float(), whole.tokens, rtol=0, atol=0.2)
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


# --- against minBERT --------------------------------------------------------------------------


@pytest.mark.parametrize("checkpoint", ["tiny", "minilm"])
def test_equals_minbert_on_the_same_checkpoint(
    checkpoint: str, request: pytest.FixtureRequest
) -> None:
    if checkpoint != "tiny":
        checkpoint = str(request.getfixturevalue(checkpoint))
    theirs = MinBertParameters(checkpoint=checkpoint)
    texts = [("A dog barks.",), ("The hound makes a noise!", "It barks"), ("Not a good film",)]
    batch = ragged(WordPieceTokenizer(theirs).encode(texts))
    ours, minbert = encoder(checkpoint).eval(), MinBert(theirs).eval()
    with torch.no_grad():
        torch.testing.assert_close(ours(batch).tokens, minbert(batch).tokens, rtol=0, atol=1e-5)
    assert (ours.width, ours.pooling) == (minbert.width, minbert.pooling)


# --- weights ----------------------------------------------------------------------------------


def rewrite(folder: Path, change: Callable[[dict[str, Tensor]], dict[str, Tensor]]) -> None:
    """Change the tensors of a checkpoint."""
    file = folder / "model.safetensors"
    save_file(change(load_file(file)), file, metadata={"format": "pt"})


def test_weights_are_float32_whatever_they_are_stored_in(folder_of: Folder) -> None:
    folder = folder_of("bert")
    rewrite(folder, lambda tensors: {name: x.bfloat16() for name, x in tensors.items()})
    stored, model = load_file(folder / "model.safetensors"), encoder(folder)
    for name, parameter in model.model.named_parameters():
        assert parameter.dtype == torch.float32
        assert torch.equal(parameter, stored[name].float())


@pytest.mark.parametrize("pickled", [False, True])
def test_heads_are_left_out_and_pickles_are_read(folder_of: Folder, pickled: bool) -> None:
    folder = folder_of("electra")
    expected = encoder(folder).state_dict()
    rewrite(
        folder,
        lambda tensors: {
            "discriminator_predictions.dense.weight": torch.ones(2, 2),
            **{f"electra.{name}": x for name, x in tensors.items()},
        },
    )
    if pickled:
        file = folder / "model.safetensors"
        torch.save(load_file(file), folder / "pytorch_model.bin")
        file.unlink()
    state = encoder(folder).state_dict()
    assert state.keys() == expected.keys()
    assert all(torch.equal(value, expected[name]) for name, value in state.items())


def test_a_tensor_that_is_missing_is_never_drawn(folder_of: Folder) -> None:
    folder = folder_of("distilbert")
    rewrite(folder, lambda tensors: {n: x for n, x in tensors.items() if "layer.1.ffn" not in n})
    with pytest.raises(UsageError) as error:
        encoder(folder)
    assert str(error.value) == (
        f"{folder / 'model.safetensors'}: of DistilBertModel, 4 tensors are missing: "
        "transformer.layer.1.ffn.lin1.bias, transformer.layer.1.ffn.lin1.weight, "
        "transformer.layer.1.ffn.lin2.bias ..."
    )


def test_weights_that_cannot_be_read_are_refused_in_one_line(folder_of: Folder) -> None:
    folder = folder_of("bert")
    rewrite(folder, lambda tensors: {n: x[:1].clone() for n, x in tensors.items()})
    for content in (None, b"none"):
        if content:
            (folder / "model.safetensors").write_bytes(content)
        with pytest.raises(UsageError, match=r"model\.safetensors: .* cannot load it") as error:
            encoder(folder)
        assert "\n" not in str(error.value)


def test_a_model_that_cannot_be_masked_is_refused(folder_of: Folder) -> None:
    from transformers import FNetConfig, FNetModel

    shape = {"vocab_size": 23, "hidden_size": 12, "num_hidden_layers": 1, "intermediate_size": 8}
    model = FNetModel(FNetConfig(**shape, tpu_short_seq_length=20, max_position_embeddings=20))
    with pytest.raises(UsageError, match="FNetModel is no encoder of texts that can be padded"):
        encoder(folder_of("fnet", model=model))


def save_of_kind(folder_of: Folder, kind: str, **shape: Any) -> Path:
    """Write a checkpoint of a kind that is none of the families, and return its folder."""
    from transformers import AutoConfig, AutoModel

    return folder_of(kind, model=AutoModel.from_config(AutoConfig.for_model(kind, **shape)))


@pytest.mark.parametrize(
    ("kind", "shape", "reason"),
    [
        (
            "xmod",
            {},
            "XmodModel is no encoder of texts that can be padded: it takes more than ids and a "
            "mask (Input language unknown. Please call ",
        ),
        (
            "bros",
            {},
            "BrosModel is no encoder of texts that can be padded: it takes more than ids and a "
            "mask (You have to specify bbox",
        ),
        (
            "canine",
            {"num_hash_buckets": 30},
            "CanineModel is no encoder of texts that can be padded: it has no embeddings of "
            "token ids",
        ),
    ],
)
def test_a_model_that_needs_more_than_ids_and_a_mask_is_refused(
    folder_of: Folder, kind: str, shape: dict[str, int], reason: str
) -> None:
    folder = save_of_kind(folder_of, kind, **SMALL, **shape)
    with pytest.raises(UsageError) as error:
        encoder(folder)
    assert str(error.value).startswith(f"{folder / 'config.json'}: {reason}")
    assert "\n" not in str(error.value)


def test_a_model_that_makes_no_state_of_each_token_is_refused(
    folder_of: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import BertModel

    whole = BertModel.forward

    @functools.wraps(whole)
    def shortened(*arguments: Any, **named: Any) -> Any:
        output = whole(*arguments, **named)
        output.last_hidden_state = output.last_hidden_state[:, :1]
        return output

    folder = folder_of("bert")
    monkeypatch.setattr(BertModel, "forward", shortened)
    with pytest.raises(
        UsageError,
        match=r": of 2 tokens it makes states of the shape \[1, 1, 12\], not \[1, 2, 12\]$",
    ):
        encoder(folder)


def test_the_call_at_loading_leaves_no_trace(
    folder_of: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import AutoModel, BertModel

    whole, calls = BertModel.forward, []

    @functools.wraps(whole)
    def drawing(self: Any, *arguments: Any, **named: Any) -> Any:
        torch.rand(3)
        calls.append((self.training, torch.is_grad_enabled(), tuple(named["input_ids"].shape)))
        return whole(self, *arguments, **named)

    folder = folder_of("bert")
    rewrite(folder, lambda tensors: {n: x for n, x in tensors.items() if "pooler" not in n})
    torch.manual_seed(0)
    model = AutoModel.from_pretrained(folder)  # which draws a pooler
    expected = torch.rand(3)
    monkeypatch.setattr(BertModel, "forward", drawing)
    found = encoder(folder)
    assert torch.equal(torch.rand(3), expected)
    assert calls == [(False, False, (1, 2))]
    state = found.model.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in found.parameters())


# --- modes ------------------------------------------------------------------------------------


def test_every_rate_of_the_model_is_the_checkpoints_or_the_one_given(folder_of: Folder) -> None:
    folder = folder_of("bert")
    for given, rate in ((None, 0.1), (0.25, 0.25)):
        modules = encoder(folder, dropout=given).modules()
        assert {module.p for module in modules if isinstance(module, torch.nn.Dropout)} == {rate}
