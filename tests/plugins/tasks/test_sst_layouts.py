from collections.abc import Callable
from pathlib import Path

import pytest

from mtbench.data.layouts import LaidOutTask
from mtbench.errors import UsageError
from mtbench_builtins.tasks.sst import SST
from mtbench_builtins.tasks.sst_layouts import FOLDERS, LAYOUTS

Write = Callable[..., Path]

TASK = LaidOutTask(SST(), LAYOUTS)


@pytest.mark.parametrize("name", FOLDERS)
def test_json_lines(write: Write, name: str) -> None:
    for split in ("train", "dev", "test"):
        folder = write(
            f"{name}/{split}.jsonl",
            f'{{"text": "a {split} , \\"so\\" ", "label": 4, "label_text": "very positive"}}',
            '{"text": "x", "label": 5, "label_text": "?"}',
        )

    assert TASK.layout(folder).name == "SST-5 jsonl"
    for split in ("train", "dev", "test"):
        examples = TASK.load(split, folder)  # type: ignore[arg-type]
        assert (examples.texts, examples.labels) == (((f'a {split} , "so"',),), (4,))
        (bad,) = examples.bad_rows
        assert str(bad) == f"{split}.jsonl:2: its 'label' is '5', no class from 0 to 4"


def test_tabs(write: Write) -> None:
    folder = write("SST-5/train.tsv", "sentence\tlabel", '"stray\t3', "so-so\t2")
    write("SST-5/dev.tsv", "label\tsentence", "0\tbad")

    assert TASK.layout(folder).name == "SST-5 tsv"
    assert set(TASK.load("train", folder).texts) == {('"stray',), ("so-so",)}
    assert TASK.load("dev", folder).labels == (0,)
    with pytest.raises(UsageError, match=r"test\.tsv"):
        TASK.load("test", folder)


def test_cs224n_wins(write: Write) -> None:
    for split in ("train", "dev"):
        write(f"sst5/{split}.jsonl", '{"text": "x", "label": 1}')
        folder = write(f"ids-sst-{split}.csv", "id\tsentence\tsentiment", "a\ty\t2")

    assert TASK.layout(folder).name == "CS224N"
    assert TASK.load("train", folder) == SST().load("train", folder)


def test_nothing_is_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as error:
        TASK.load("train", tmp_path)

    message = str(error.value)
    assert "\n" not in message
    for part in ("CS224N: ids-sst-train.csv", "SST-5 jsonl: sst5/train.jsonl", "SST-5 tsv: "):
        assert part in message
