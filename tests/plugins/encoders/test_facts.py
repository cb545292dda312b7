import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from mtbench.api import Cell, Component, UsageError
from mtbench_builtins.encoders.facts import Facts, Latest, of_folder
from mtbench_builtins.encoders.shipped import TINY


class Parameters(NamedTuple):
    checkpoint: str
    revision: str | None
    max_tokens: int | None


def cell(**parameters: Any) -> Cell:
    encoder = Component("words", {"max_tokens": None, **parameters})
    return Cell({}, encoder, {}, Component("cycle"), Component("sum"), {})


def test_what_sentence_transformers_declares_is_added(tmp_path: Path) -> None:
    facts = of_folder(tmp_path, drawn=True, longest=8, cased=0.5)
    assert facts == Facts(drawn=True, modules=(), declared=None, longest=8, cased=0.5)
    (tmp_path / "modules.json").write_text('[{"type": "x.Dense", "path": "2"}]')
    (tmp_path / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 7}))
    assert of_folder(tmp_path, drawn=True, longest=8, cased=0.5) == facts._replace(
        modules=("Dense (2)",), declared=7
    )


def test_a_checkpoint_is_inspected_when_it_is_asked_for_and_once_for_its_cells() -> None:
    inspected: list[Parameters] = []

    def inspect(parameters: Parameters) -> Facts:
        inspected.append(parameters)
        return Facts(False, (), None, len(inspected), 0)

    latest = Latest(inspect, Parameters)
    for _ in range(2):
        assert latest.of_cell(cell(checkpoint="a", revision="v1")) == Facts(False, (), None, 1, 0)
    assert inspected == [Parameters("a", "v1", None)]
    latest.inspect(Parameters("a", "v1", None))
    assert latest.of_cell(cell(checkpoint="a", revision="v1")) == Facts(False, (), None, 2, 0)
    latest.of_cell(cell(checkpoint="a", revision="v1", max_tokens=9))
    latest.of_cell(cell())
    assert inspected[2:] == [Parameters("a", "v1", 9), Parameters(TINY, None, None)]


def test_what_cannot_be_used_has_no_facts() -> None:
    def inspect(_: Parameters) -> None:
        raise UsageError("torn")

    latest = Latest(inspect, Parameters)
    for _ in range(2):
        with pytest.raises(UsageError, match="torn"):
            latest.of_cell(cell(checkpoint="a"))
