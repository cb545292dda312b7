from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from scipy.stats import pearsonr

from mtbench.api import UsageError
from mtbench.model.batching import ragged
from mtbench.model.pooling import pool
from tools.pretrain import checkpoint, score

PAIRS = [
    ("a dog barks", "the dog is barking", 4.0),
    ("a man eats", "she paints the house", 0.5),
    ("it rains", "it rains", 5.0),
    ("no", "a long walk by the river in the rain", 1.0),
    ("two cats sleep", "cats sleep", 3.5),
]

Write = Callable[..., Path]


def write(folder: Path, split: str, pairs: list[tuple[str, str, float]]) -> Path:
    rows = [f"{i}\tid{i}\t{label}\t{a}\t{b}" for i, (a, b, label) in enumerate(pairs)]
    lines = ["\tid\tsimilarity\tsentence1\tsentence2", *rows]
    (folder / f"sts-{split}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    write(tmp_path, "dev", PAIRS[:3])
    return write(tmp_path, "train", PAIRS)


def cosines(teacher: Path) -> list[float]:
    """Return the cosine of each pair, one text at a time."""
    encoder, tokenizer = checkpoint.read(teacher)

    def vector(text: str) -> torch.Tensor:
        batch = ragged(tokenizer.encode([(text,)]))
        return pool(encoder.eval()(batch), batch, "mean")[0]

    with torch.no_grad():
        return [
            torch.cosine_similarity(vector(one), vector(other), dim=0).item()
            for one, other, _ in PAIRS
        ]


def test_the_correlation_of_cosines_and_labels(teacher: Path, data: Path) -> None:
    encoder, tokenizer = checkpoint.read(teacher)
    expected = pearsonr(cosines(teacher), [label for *_, label in PAIRS]).statistic
    assert score.sts(encoder.eval(), tokenizer, data, "train") == pytest.approx(expected, abs=1e-5)


def test_rows_can_be_limited(teacher: Path, data: Path) -> None:
    encoder, tokenizer = checkpoint.read(teacher)
    limited = score.sts(encoder.eval(), tokenizer, data, "train", rows=3)
    assert limited == score.sts(encoder, tokenizer, data, "dev")
    assert limited != pytest.approx(score.sts(encoder, tokenizer, data, "train"), abs=1e-3)


def test_the_same_label_everywhere_has_no_correlation(teacher: Path, tmp_path: Path) -> None:
    write(tmp_path, "train", [(one, other, 2.0) for one, other, _ in PAIRS])
    encoder, tokenizer = checkpoint.read(teacher)
    assert score.sts(encoder.eval(), tokenizer, tmp_path, "train") is None


def invoke(*arguments: Any) -> tuple[int, str]:
    result = CliRunner().invoke(score.main, [str(argument) for argument in arguments])
    return result.exit_code, result.output


def test_the_command_says_a_line_a_checkpoint(teacher: Path, data: Path) -> None:
    encoder, tokenizer = checkpoint.read(teacher)
    value = score.sts(encoder.eval(), tokenizer, data, "train")
    line = f"{teacher}: STS train, Pearson {value:.4f}\n"
    assert invoke(teacher, teacher, "--data", data) == (0, 2 * line)


def test_the_command_takes_dev(teacher: Path, data: Path) -> None:
    code, said = invoke(teacher, "--data", data, "--split", "dev")
    assert (code, said.split(", ")[0]) == (0, f"{teacher}: STS dev")
    assert invoke(teacher, "--data", data, "--split", "test")[0] == 2


def test_the_command_says_what_is_not_defined(teacher: Path, tmp_path: Path) -> None:
    write(tmp_path, "train", [(one, other, 2.0) for one, other, _ in PAIRS])
    said = f"{teacher}: STS train, Pearson not defined\n"
    assert invoke(teacher, "--data", tmp_path) == (0, said)


def test_the_command_says_what_is_missing_in_one_line(teacher: Path, tmp_path: Path) -> None:
    code, said = invoke(teacher, "--data", tmp_path)
    assert (code, said.count("\n")) == (1, 1)
    assert "sts-train.csv" in said
    code, said = invoke(tmp_path, "--data", tmp_path)
    assert (code, said.count("\n")) == (1, 1)
    assert str(tmp_path) in said


def test_a_missing_file_is_an_error_of_the_user(teacher: Path, tmp_path: Path) -> None:
    encoder, tokenizer = checkpoint.read(teacher)
    with pytest.raises(UsageError, match=r"sts-dev\.csv"):
        score.sts(encoder, tokenizer, tmp_path, "dev")
