import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from mtbench.api import Tokens, UsageError
from mtbench.model.batching import ragged
from mtbench.model.pooling import pool
from mtbench_builtins.encoders.dropout import Dropout
from mtbench_builtins.encoders.shape import Shape
from tools.pretrain import checkpoint

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "film", "##s", "\u2028", "."]
SHAPE = Shape(
    vocabulary=len(PIECES),
    layers=2,
    width=12,
    attention_heads=3,
    intermediate=20,
    max_positions=16,
)
TEXTS = [("The films.",), ("the film the film the film",), ("films",)]

Draw = Callable[[Shape], dict[str, Tensor]]


@pytest.fixture
def state(random_state: Draw) -> dict[str, Tensor]:
    return random_state(SHAPE)


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float32, 0.0), (torch.float16, 2**-11)], ids=str
)
def test_weights_come_back(
    tmp_path: Path, state: dict[str, Tensor], dtype: torch.dtype, tolerance: float
) -> None:
    checkpoint.write(tmp_path, SHAPE, PIECES, state, dtype)
    read = checkpoint.read(tmp_path)[0].state_dict()
    assert read.keys() == state.keys()
    for name in state.keys() - {"pooler.weight", "pooler.bias"}:
        torch.testing.assert_close(read[name], state[name], rtol=tolerance, atol=1e-7)


def test_the_shape_comes_back(tmp_path: Path, state: dict[str, Tensor]) -> None:
    checkpoint.write(tmp_path, SHAPE, PIECES, state)
    encoder, _ = checkpoint.read(tmp_path)
    assert (encoder.width, len(encoder.layers), encoder.attention_heads) == (12, 2, 3)
    assert encoder.embeddings.norm.eps == SHAPE.epsilon
    assert encoder.pooling == "mean"


def test_a_training_drops_nothing_and_a_fine_tuning_does(
    tmp_path: Path, state: dict[str, Tensor]
) -> None:
    checkpoint.write(tmp_path, SHAPE, PIECES, state)
    encoder, _ = checkpoint.read(tmp_path)
    dropouts = [m.rate for m in encoder.modules() if isinstance(m, Dropout)]
    assert dropouts == [0.0] * 3
    assert [layer.attention.dropout for layer in encoder.layers] == [0.0] * 2
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["hidden_dropout_prob"] == config["attention_probs_dropout_prob"] == 0.1


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16], ids=str)
def test_transformers_reads_the_same_encoder(
    tmp_path: Path, state: dict[str, Tensor], dtype: torch.dtype
) -> None:
    from transformers import AutoTokenizer, BertModel

    checkpoint.write(tmp_path, SHAPE, PIECES, state, dtype)
    encoder, tokenizer = checkpoint.read(tmp_path)
    given = tokenizer.encode(TEXTS)
    theirs = AutoTokenizer.from_pretrained(tmp_path)
    padded = theirs([text for (text,) in TEXTS], padding=True, return_tensors="pt")
    assert [[int(i) for i in row if i] for row in padded["input_ids"]] == [t.ids for t in given]
    reference, loading = BertModel.from_pretrained(
        tmp_path, add_pooling_layer=False, dtype=torch.float32, output_loading_info=True
    )
    assert {name: found for name, found in loading.items() if found} == {}
    batch = ragged(given)
    with torch.no_grad():
        vectors = pool(encoder.eval()(batch), batch, "mean")
        states = reference.eval()(**padded).last_hidden_state
    mask = padded["attention_mask"][:, :, None]
    expected = (states * mask).sum(dim=1) / mask.sum(dim=1)
    torch.testing.assert_close(vectors, expected, rtol=0, atol=1e-4)
    assert expected.std(dim=0).max() > 0.1


def test_there_is_no_pooler(tmp_path: Path, state: dict[str, Tensor]) -> None:
    assert {"pooler.weight", "pooler.bias"} <= state.keys()
    checkpoint.write(tmp_path, SHAPE, PIECES, state, torch.float16)
    tensors = load_file(tmp_path / "model.safetensors")
    assert [name for name in tensors if "pooler" in name] == []
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float16}
    assert tensors["encoder.layer.1.attention.self.key.weight"].shape == (12, 12)


def test_the_mean_is_what_is_declared(tmp_path: Path, state: dict[str, Tensor]) -> None:
    checkpoint.write(tmp_path, SHAPE, PIECES, state)
    declared = json.loads((tmp_path / "1_Pooling" / "config.json").read_text())
    modes = {name for name, value in declared.items() if value is True}
    assert modes == {"pooling_mode_mean_tokens"}


def test_every_piece_keeps_its_id(tmp_path: Path, state: dict[str, Tensor]) -> None:
    # Among them is one that Python takes for the end of a line.
    checkpoint.write(tmp_path, SHAPE, PIECES, state)
    _, tokenizer = checkpoint.read(tmp_path)
    assert tokenizer.encode([("the films .",)]) == [Tokens([2, 5, 6, 7, 9, 3], [0] * 6)]


def test_texts_can_be_cut(tmp_path: Path, state: dict[str, Tensor]) -> None:
    checkpoint.write(tmp_path, SHAPE, PIECES, state)
    _, tokenizer = checkpoint.read(tmp_path, 8)
    assert len(tokenizer.encode([("the " * 20,)])[0].ids) == 8


def test_the_same_state_makes_the_same_bytes(tmp_path: Path, state: dict[str, Tensor]) -> None:
    for folder in ("one", "two"):
        checkpoint.write(tmp_path / folder, SHAPE, PIECES, state, torch.float16)
    files = sorted(file for file in (tmp_path / "one").rglob("*") if file.is_file())
    assert len(files) == 5
    for file in files:
        other = tmp_path / "two" / file.relative_to(tmp_path / "one")
        assert file.read_bytes() == other.read_bytes()


def test_a_folder_that_is_no_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"config\.json"):
        checkpoint.read(tmp_path)


def test_a_folder_called_tiny_is_not_the_one_in_the_wheel(
    tmp_path: Path, state: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint.write(tmp_path / "tiny", SHAPE, PIECES, state)
    monkeypatch.chdir(tmp_path)
    encoder, _ = checkpoint.read(Path("tiny"))
    assert encoder.width == SHAPE.width
