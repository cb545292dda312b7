from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from mtbench.api import UsageError
from mtbench.model.batching import ragged
from mtbench.model.pooling import pool
from tools.pretrain import checkpoint
from tools.pretrain import teacher as module
from tools.pretrain.teacher import Teacher, read_vectors, write_vectors

TEXTS = ["a dog barks", "the hound makes noise", "no", "she cuts a lemon", "film " * 30, "a cat"]


class Counting:
    """Stands for a teacher; its vector of a text is what the text says."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def vectors(self, texts: Sequence[str]) -> np.ndarray:
        self.asked.append(list(texts))
        return np.array([[float(text), 1.0] for text in texts], dtype=np.float16)


@pytest.fixture
def shards_of_three(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SHARD", 3)


# --- vectors ----------------------------------------------------------------------------------


def test_vectors_are_of_length_one_in_half_precision(teacher: Path) -> None:
    vectors = Teacher(teacher).vectors(TEXTS)
    assert (vectors.shape, vectors.dtype) == ((len(TEXTS), 24), np.float16)
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1)
    assert lengths == pytest.approx(np.ones(len(TEXTS)), abs=1e-3)


def test_vectors_are_close_to_the_mean_of_the_states_in_single_precision(teacher: Path) -> None:
    encoder, tokenizer = checkpoint.read(teacher)
    batch = ragged(tokenizer.encode([(text,) for text in TEXTS]))
    with torch.inference_mode():
        expected = F.normalize(pool(encoder.eval()(batch), batch, "mean"), dim=1).numpy()
    vectors = Teacher(teacher).vectors(TEXTS).astype(np.float32)
    assert np.abs(vectors @ vectors.T - expected @ expected.T).max() < 0.003
    assert (vectors * expected).sum(axis=1).min() > 0.999
    # That says something: the texts are not all alike to this teacher.
    assert (expected @ expected.T).min() < 0.9


def test_a_text_has_the_same_vector_in_other_company(teacher: Path) -> None:
    made = Teacher(teacher)
    together = made.vectors(TEXTS)
    alone = np.concatenate([made.vectors([text]) for text in TEXTS])
    assert together == pytest.approx(alone, abs=0.01)


def test_long_texts_are_cut(teacher: Path) -> None:
    made = Teacher(teacher)
    long = "x " * module.MAX_TOKENS
    assert (made.vectors([long]) == made.vectors([long + "some more words"])).all()
    assert (made.vectors([long]) != made.vectors(["y" + long])).any()


def test_a_folder_without_a_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"config\.json") as refused:
        Teacher(tmp_path)
    assert "\n" not in str(refused.value)


# --- shards -----------------------------------------------------------------------------------


def written(folder: Path, count: int, lines: list[str] | None = None) -> Counting:
    """Write vectors of numbers by a teacher that counts what it is asked."""
    counting: Any = Counting()
    log = (lines if lines is not None else []).append
    write_vectors(lambda: counting, [str(i) for i in range(count)], folder, log)
    assert isinstance(counting, Counting)
    return counting


def test_shards_come_back_in_order(tmp_path: Path, shards_of_three: None) -> None:
    lines: list[str] = []
    counting = written(tmp_path / "vectors", 8, lines)
    assert counting.asked == [["0", "1", "2"], ["3", "4", "5"], ["6", "7"]]
    assert read_vectors(tmp_path / "vectors").tolist() == [[i, 1] for i in range(8)]
    assert lines == [f"teacher: {i} of 8 texts" for i in (3, 6, 8)]


def test_only_what_is_missing_is_made(tmp_path: Path, shards_of_three: None) -> None:
    written(tmp_path, 8)
    (tmp_path / "00000003.npy").unlink()
    (tmp_path / "00000003.part").write_bytes(b"what an interruption leaves")
    assert written(tmp_path, 8).asked == [["3", "4", "5"]]
    assert read_vectors(tmp_path).tolist() == [[i, 1] for i in range(8)]
    assert sorted(file.suffix for file in tmp_path.iterdir()) == [".npy"] * 3


def test_no_teacher_is_made_where_nothing_is_missing(
    tmp_path: Path, shards_of_three: None
) -> None:
    written(tmp_path, 8)

    def unwanted() -> Teacher:
        raise AssertionError("there is nothing to do")

    write_vectors(unwanted, [str(i) for i in range(8)], tmp_path, print)


def test_an_interruption_keeps_whole_shards_only(
    tmp_path: Path, shards_of_three: None, teacher: Path
) -> None:
    class Interrupted(Teacher):
        calls = 0

        def vectors(self, texts: Sequence[str]) -> np.ndarray:
            self.calls += 1
            if self.calls == 2:
                raise KeyboardInterrupt
            return super().vectors(texts)

    resumed, straight = tmp_path / "resumed", tmp_path / "straight"
    with pytest.raises(KeyboardInterrupt):
        write_vectors(lambda: Interrupted(teacher), TEXTS, resumed, lambda line: None)
    assert [file.name for file in resumed.glob("*.npy")] == ["00000000.npy"]
    for folder in (resumed, straight):
        write_vectors(lambda: Teacher(teacher), TEXTS, folder, lambda line: None)
    assert read_vectors(resumed).tobytes() == read_vectors(straight).tobytes()
