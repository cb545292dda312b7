"""What `mtbench plan` says of a checkpoint, in a process of its own."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mtbench_builtins.encoders.shipped import SHIPPED, TINY

MATRIX = """
seeds = 1
[base]
tasks = [{ name = "sample-sts", train = 8, dev = 8 }]
encoder = { name = "minbert", checkpoint = "mine" }
train = { batch_size = 8, steps = 1 }
[axes]
"encoder.mode" = ["frozen", "finetune"]
"heads.sample-sts.pooling" = ["pooler", "mean"]
"""


def plan(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    (folder / "matrix.toml").write_text(MATRIX)
    command = [sys.executable, "-m", "mtbench", "plan", "matrix.toml", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(SHIPPED[TINY], tmp_path / "mine")
    return tmp_path


def test_a_frozen_cell_without_a_pooler_is_rejected_alone(folder: Path) -> None:
    done = plan(folder, "--format", "csv")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("rejected") == 1
    assert "would be pooled by a pooler that the checkpoint lacks" in done.stdout


@pytest.mark.parametrize("pointer", ["model.safetensors", "vocab.txt", "config.json"])
def test_a_pointer_of_git_lfs_is_one_line(folder: Path, pointer: str) -> None:
    text = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1000\n"
    (folder / "mine" / pointer).write_text(text)
    done = plan(folder)
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert f"{folder / 'mine' / pointer}: a Git LFS pointer" in line


def test_more_tokens_than_positions_are_one_line(folder: Path) -> None:
    done = plan(folder, "--set", "encoder.max_tokens=513")
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert line.endswith("/mine/config.json: max_position_embeddings is 512")
