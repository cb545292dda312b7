import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mtbench.api import Cell, Component
from mtbench_builtins.encoders import mtbench_encoders
from mtbench_builtins.encoders.caveats import caveat, seen, told
from mtbench_builtins.encoders.facts import Facts
from mtbench_builtins.encoders.inspection import fingerprint
from mtbench_builtins.encoders.parameters import MinBertParameters
from mtbench_builtins.encoders.shipped import SHIPPED, TINY
from mtbench_builtins.tasks.quora import Quora
from mtbench_builtins.tasks.sample import SamplePD
from mtbench_builtins.tasks.sample_parameters import SamplePDParameters
from mtbench_builtins.tasks.sts import STS

QUORA, OTHER = Quora().describe(), STS().describe()


def cell(encoder: str, tasks: Mapping[str, Any], **parameters: Any) -> Cell:
    component = Component(encoder, parameters)
    return Cell(tasks, component, {}, Component("cycle"), Component("sum"), {})


def said_of(cell: Cell) -> str | None:
    """Return what is said of what the weights have seen."""
    return next(seen(cell), None)


def test_tiny_has_quora_from_its_teacher() -> None:
    said = said_of(cell("tiny", {"sts": OTHER, "pd": QUORA}))
    assert said == (
        "pd may be flattered: tiny learnt from all-MiniLM-L6-v2, which was trained on Quora's "
        "question pairs"
    )


def test_the_weights_count_and_not_the_encoders_name() -> None:
    tasks = {"pd": QUORA}
    assert said_of(cell("minbert", tasks, checkpoint="tiny")) == said_of(cell("tiny", tasks))
    assert said_of(cell("minbert", tasks, checkpoint="bert-base-uncased")) is None
    assert said_of(cell("minbert", tasks, checkpoint=None)) is None


def test_the_teacher_itself_by_its_names_on_the_hub() -> None:
    for name in ("all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2"):
        said = said_of(cell("minbert", {"pd": QUORA}, checkpoint=name))
        assert said is not None
        assert said.startswith("pd may be flattered: all-MiniLM-L6-v2 was")


def test_a_copy_of_tiny_is_known_by_its_weights(tmp_path: Path) -> None:
    copied, tasks = shutil.copytree(SHIPPED[TINY], tmp_path / "mine"), {"pd": QUORA}
    said = said_of(cell("minbert", tasks, checkpoint=str(copied)))
    assert said == said_of(cell("tiny", tasks))
    (copied / "model.safetensors").write_bytes(b"others")
    assert said_of(cell("minbert", tasks, checkpoint=str(copied))) is None


def test_the_teacher_is_known_by_its_weights(minilm: Path, tmp_path: Path) -> None:
    tasks = {"pd": QUORA}
    said = said_of(cell("minbert", tasks, checkpoint=str(minilm)))
    assert said == said_of(cell("minbert", tasks, checkpoint="all-MiniLM-L6-v2"))
    (tmp_path / "all-MiniLM-L6-v2").mkdir()
    (tmp_path / "all-MiniLM-L6-v2" / "model.safetensors").write_bytes(b"others")
    other = str(tmp_path / "all-MiniLM-L6-v2")
    assert said_of(cell("minbert", tasks, checkpoint=other)) is None


def test_the_data_count_and_not_the_tasks_name() -> None:
    sample = SamplePD(SamplePDParameters()).describe()
    assert said_of(cell("tiny", {"pd": sample, "sts": OTHER})) is None
    said = said_of(cell("tiny", {"questions": QUORA}))
    assert said is not None
    assert said.startswith("questions may be flattered: ")


@pytest.mark.parametrize("spec", mtbench_encoders(), ids=lambda spec: spec.name)
def test_every_encoder_says_it(spec: Any) -> None:
    given = {"mode": "finetune", "max_tokens": None}
    place = {} if spec.name == "tiny" else {"checkpoint": TINY, "revision": None}
    [said] = spec.caveat(cell(spec.name, {"pd": QUORA}, **given, **place))
    assert said == said_of(cell("tiny", {"pd": QUORA}))
    assert spec.caveat(cell(spec.name, {"sts": OTHER}, **given, **place)) == []


# --- what a folder says -----------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return shutil.copytree(SHIPPED[TINY], tmp_path / "mine")


def facts(folder: Path, pooling: str | None = None, **parameters: Any) -> list[str]:
    given = {"mode": "finetune", "max_tokens": None, "revision": None} | parameters
    of_sts = cell("minbert", {"sts": OTHER}, checkpoint=str(folder), **given)
    fingerprint(MinBertParameters(checkpoint=str(folder), max_tokens=given["max_tokens"]))
    return caveat(replace(of_sts, heads={"sts": Component("linear", {"pooling": pooling})}))


def test_nothing_is_said_of_a_plain_folder(folder: Path) -> None:
    assert facts(folder) == facts(folder, "mean") == []
    from_scratch = {"mode": "frozen", "max_tokens": None, "checkpoint": None, "revision": None}
    assert caveat(cell("minbert", {"sts": OTHER}, **from_scratch)) == []


def test_a_pooler_that_begins_as_random_weights(folder: Path) -> None:
    assert facts(folder, "pooler") == [
        "mine has no pooler: that of sts began as random weights",
    ]


def test_modules_that_are_left_out(folder: Path) -> None:
    dense = {"type": "sentence_transformers.models.Dense", "path": "2_Dense"}
    (folder / "modules.json").write_text(json.dumps([dense]))
    assert facts(folder) == ["mine has modules that are left out: Dense (2_Dense)"]


def test_texts_that_are_longer_than_the_checkpoints(folder: Path) -> None:
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 128}')
    assert facts(folder, max_tokens=128) == facts(folder, max_tokens=100) == []
    said = "mine was made for texts of at most 128 tokens (max_seq_length), and is given "
    assert facts(folder) == [f"{said}up to 512 (max_tokens)"]
    assert facts(folder, max_tokens=129) == [f"{said}up to 129 (max_tokens)"]
    one = cell("minbert", {}, checkpoint=str(folder))
    facts_of_any_length = Facts(drawn=False, modules=(), declared=128, longest=None, cased=0)
    assert [*told(one, facts_of_any_length)] == [f"{said}longer ones (max_tokens)"]


def test_a_cased_vocabulary_whose_case_is_lowered(folder: Path) -> None:
    file = folder / "vocab.txt"
    pieces = file.read_text().splitlines()
    file.write_text("\n".join(p.title() if p.isalpha() and len(p) > 4 else p for p in pieces))
    [said] = facts(folder)
    assert re.fullmatch(
        r"mine has a cased vocabulary, but its tokenizer lowers the case: \d\d% of the "
        r"vocabulary's words are never met \(do_lower_case\)",
        said,
    )
    (folder / "tokenizer_config.json").write_text('{"do_lower_case": false}')
    assert facts(folder) == []


def test_several_facts_are_several_texts(folder: Path) -> None:
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 128}')
    (folder / "modules.json").write_text('[{"type": "x.models.Dense", "path": "2_Dense"}]')
    assert len(facts(folder, "pooler")) == 3
