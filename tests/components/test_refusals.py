from typing import Any

import pytest

from mtbench.components.entries import Entry, Provider
from mtbench.components.refusals import caveats, rejection
from mtbench.errors import PluginError, UsageError
from mtbench.specs import Cell, CombinerSpec, Component, EncoderSpec, HeadSpec

NOTHING = Component("", {})
CELL = Cell({}, NOTHING, {}, NOTHING, NOTHING, {"lr": 1e-3})


def fails(*_: object) -> None:
    raise KeyError("lr")


def encoder(**fields: Any) -> Entry:
    spec = EncoderSpec(name="words", summary="", target="x:X", tokenizer="x:Y", **fields)
    return Entry(spec, Provider("fake", "1.0", "fake"))


def head(**fields: Any) -> Entry:
    return Entry(
        HeadSpec(name="tall", summary="", target="x:X", **fields), Provider("fake", "1.0", "fake")
    )


def combiner(**fields: Any) -> Entry:
    spec = CombinerSpec(name="mean", summary="", target="x:X", needs="losses", **fields)
    return Entry(spec, Provider("fake", "1.0", "fake"))


def test_the_first_reason_counts() -> None:
    entries = {
        "encoder": encoder(rejects=lambda cell: None),
        "combiner": combiner(rejects=lambda cell: f"lr {cell.train['lr']}"),
        "heads.sst": head(rejects=lambda cell, task: "never asked"),
    }

    assert rejection(CELL, entries) == "combiner (mean): lr 0.001"


def test_a_head_is_asked_about_its_task() -> None:
    entries = {"encoder": encoder(), "heads.sst": head(rejects=lambda cell, task: task)}

    assert rejection(CELL, entries) == "heads.sst (tall): sst"
    assert rejection(CELL, {"encoder": encoder(), "heads.sst": head()}) is None


@pytest.mark.parametrize("entry", [head(rejects=fails), combiner(rejects=fails)])
def test_one_that_raises_is_named(entry: Entry) -> None:
    with pytest.raises(PluginError, match=r"of fake: rejects raised KeyError: 'lr'"):
        rejection(CELL, {"heads.sst": entry})


def mistaken(*_: object) -> None:
    raise UsageError("no folder")


@pytest.mark.parametrize("entry", [head(rejects=mistaken), combiner(rejects=mistaken)])
def test_no_mistake_of_the_users_is_in_it(entry: Entry) -> None:
    with pytest.raises(PluginError, match=r"of fake: rejects raised UsageError: no folder \(test"):
        rejection(CELL, {"heads.sst": entry})


@pytest.mark.parametrize("answer", [False, 3, ["a reason"]])
def test_an_answer_is_a_text_or_none(answer: Any) -> None:
    with pytest.raises(PluginError, match=r"^combiner .mean. of fake: rejects returned .*, neit"):
        rejection(CELL, {"combiner": combiner(rejects=lambda cell: answer)})


@pytest.mark.parametrize("answer", [False, 3, ["a remark", 3], [["a remark"]], {"a": "b"}])
def test_a_caveat_is_a_text_or_several(answer: Any) -> None:
    with pytest.raises(PluginError, match=r"^encoder .words. of fake: caveat returned .*, neit"):
        caveats(CELL, encoder(caveat=lambda cell: answer))


def test_caveats() -> None:
    assert caveats(CELL, encoder()) == []
    assert caveats(CELL, encoder(caveat=lambda cell: None)) == []
    assert caveats(CELL, encoder(caveat=lambda cell: [])) == []
    assert caveats(CELL, encoder(caveat=lambda cell: "it has met them")) == ["it has met them"]
    assert caveats(CELL, encoder(caveat=lambda cell: ("one", "two"))) == ["one", "two"]
    with pytest.raises(
        PluginError, match=r"^encoder 'words' of fake: caveat raised KeyError: 'lr'"
    ):
        caveats(CELL, encoder(caveat=fails))
