from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from mtbench.components.registry import Registry
from mtbench.components.sources import source_hash
from mtbench.errors import PluginError
from mtbench.matrix.configuration import overlay
from mtbench.study.resolution import Resolved, Resolver
from mtbench.training import assembly
from mtbench.training.assembly import Assembled, assemble
from mtbench_builtins.encoders.minbert import MinBert
from mtbench_builtins.encoders.tokenizer import WordPieceTokenizer

Assemble = Callable[..., Assembled]


def resolve(small: dict[str, Any], changes: Mapping[str, Any]) -> Resolved:
    resolved = Resolver(Registry.load()).resolve(overlay(small, changes))
    assert resolved.rejection is None
    return resolved


@pytest.fixture
def build(small: dict[str, Any]) -> Assemble:
    """Give a function that assembles a small cell with changes."""

    def build_(changes: Mapping[str, Any] | None = None, seed: int = 0) -> Assembled:
        return assemble(resolve(small, changes or {}), seed)

    return build_


def modules(assembled: Assembled) -> dict[str, nn.Module]:
    model = assembled.model
    return {"encoder": model.encoder, **{f"heads.{n}": t.module for n, t in model.tasks.items()}}


def differing(one: Assembled, other: Assembled) -> set[str]:
    """Return the modules of the second whose weights are not those of the first."""
    found = set()
    for name, module in modules(other).items():
        left, right = modules(one)[name].state_dict(), module.state_dict()
        if left.keys() != right.keys() or any(
            not torch.equal(left[key], right[key]) for key in left
        ):
            found.add(name)
    return found


def test_the_objects_behind_the_names(build: Assemble) -> None:
    changes = {"balancer": "round-robin", "combiner": "pcgrad", "heads.sts": "relu-cosine"}
    assembled = build(changes)
    model = assembled.model

    assert type(assembled.balancer).__name__ == "RoundRobin"
    assert type(assembled.combiner).__name__ == "PCGrad"
    assert type(assembled.tokenizer).__name__ == "WordPieceTokenizer"
    assert type(model.encoder).__name__ == "MinBert"
    assert {name: type(task.module).__name__ for name, task in model.tasks.items()} == {
        "sst": "Linear",
        "pd": "Linear",
        "sts": "ReluCosine",
    }
    assert list(model.tasks) == ["sst", "pd", "sts"]


def test_the_tokenizer_s_digest_holds_its_fingerprint_and_its_source(
    build: Assemble, monkeypatch: pytest.MonkeyPatch
) -> None:
    assembled = build()
    source = source_hash("mtbench_builtins.encoders.tokenizer:WordPieceTokenizer")
    assert assembled.tokenizer_digest == f"{source} {assembled.tokenizer.fingerprint}"

    monkeypatch.setattr(assembly, "source_hash", lambda target: f"edited {target}")
    assert build().tokenizer_digest != assembled.tokenizer_digest


def test_a_tokenizer_need_not_have_a_fingerprint(
    build: Assemble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(WordPieceTokenizer, "fingerprint")

    assert build().tokenizer_digest is None


@pytest.mark.parametrize("fingerprint", [7, "", b"abc"])
def test_a_fingerprint_that_is_no_text_is_refused(
    build: Assemble, monkeypatch: pytest.MonkeyPatch, fingerprint: Any
) -> None:
    monkeypatch.setattr(WordPieceTokenizer, "fingerprint", fingerprint)

    with pytest.raises(PluginError, match=r"minbert.*: the fingerprint of its tokenizer is .*, n"):
        build()


def test_what_cannot_encode_is_no_tokenizer(
    build: Assemble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(WordPieceTokenizer, "encode")

    with pytest.raises(PluginError, match=r"minbert.*: its tokenizer has no method 'encode'"):
        build()


@pytest.mark.parametrize("error", [ImportError, SyntaxError])
def test_a_tokenizer_without_a_readable_source_is_refused(
    build: Assemble, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def fail(target: str) -> str:
        raise error("no source")

    monkeypatch.setattr(assembly, "source_hash", fail)

    with pytest.raises(PluginError, match=rf"minbert.*: {error.__name__}: no source"):
        build()


def test_a_head_is_made_for_its_task(build: Assemble) -> None:
    model = build({"heads.pd.pair": "joined"}).model

    shapes = {
        name: tuple(task.module.projection.weight.shape) for name, task in model.tasks.items()
    }
    assert shapes == {"sst": (5, 16), "pd": (1, 16), "sts": (1, 32)}
    assert [head.pair for head in model.tasks.values()] == ["separate", "joined", "separate"]


def test_a_head_pools_as_it_says_or_as_the_encoder_declares(build: Assemble) -> None:
    model = build({"heads.pd.pooling": "cls"}).model

    assert model.encoder.pooling == "mean"
    pooling = {name: head.pooling for name, head in model.tasks.items()}
    assert pooling == {"sst": "mean", "pd": "cls", "sts": "mean"}


def test_attention_is_made_for_its_task_and_starts_at_0_whatever_the_seed(
    build: Assemble,
) -> None:
    changes = {"heads.pd.pooling": "attention", "heads.sts.pooling": "attention"}
    one, other = build(changes).model, build(changes, seed=1).model

    for model in (one, other):
        poolings = [task.pooling for task in model.tasks.values()]
        assert poolings[0] == "mean"
        assert poolings[1] is not poolings[2]
        assert {name: value.tolist() for name, value in model.poolings.state_dict().items()} == {
            "pd_pooling.query": [[0.0] * 16],
            "sts_pooling.query": [[0.0] * 16],
        }
    assert differing(build(), build(changes)) == set()  # the heads' own weights stay


def test_an_encoder_may_declare_attention(
    build: Assemble, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = MinBert.__init__

    def declare(self: MinBert, *given: Any) -> None:
        made(self, *given)
        self.pooling = "attention"

    monkeypatch.setattr(MinBert, "__init__", declare)

    assert list(build({"heads.pd.pooling": "mean"}).model.poolings) == [
        "sst_pooling",
        "sts_pooling",
    ]


def test_a_head_drops_as_it_says_or_as_training_does(build: Assemble) -> None:
    model = build({"heads.pd.dropout": 0.0, "train.dropout": 0.3}).model

    assert [task.module.dropout.p for task in model.tasks.values()] == [0.3, 0.0, 0.3]


@pytest.mark.parametrize(
    ("head", "output"), [("cosine", "unit"), ("relu-cosine", "task"), ("linear", "task")]
)
def test_what_a_head_gives_is_what_its_spec_says(build: Assemble, head: str, output: str) -> None:
    assert build({"heads.sts": head}).model.tasks["sts"].output == output


# --- first weights ----------------------------------------------------------------------------


def test_the_seed_decides_every_weight(build: Assemble) -> None:
    assert differing(build(), build()) == set()
    assert differing(build(), build(seed=1)) == {"encoder", "heads.sst", "heads.pd", "heads.sts"}


# --- plugins ----------------------------------------------------------------------------------

PLUGIN = """
from mtbench.api import CombinerSpec, hookimpl


@hookimpl
def mtbench_combiners():
    return [CombinerSpec(name="gone", summary="", target="assembly_plugin:Gone", needs="losses")]
"""


def test_a_component_that_cannot_be_imported(
    small: dict[str, Any], install: Callable[..., Path]
) -> None:
    install("assembly-plugin", PLUGIN)

    with pytest.raises(PluginError, match=r"combiner 'gone' of assembly-plugin"):
        assemble(resolve(small, {"combiner": "gone"}), 0)
