"""Assembly: from a resolved cell and a seed to its model, tokenizer, balancer and combiner."""

from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import nn

from mtbench.combination import Combiner
from mtbench.components.entries import (
    Entry,
    build_parameters,
    build_tokenizer,
    calling,
    label,
    make,
)
from mtbench.components.sources import source_hash
from mtbench.errors import PluginError
from mtbench.model.model import MultiTaskModel, TaskHead, seeded
from mtbench.model.pooling import AttentionPooling
from mtbench.parameters import HeadParameters
from mtbench.protocols import Balancer, Pooling, Tokenizer
from mtbench.specs import CombinerSpec, Component, EncoderSpec, HeadSpec, Needs
from mtbench.study.resolution import Resolved


@dataclass(frozen=True)
class Assembled:
    """The objects behind a cell's names.

    Attributes:
        tokenizer_digest: of everything that decides the tokenizer's ids; None where the
            tokenizer does not say so.
        needs: what the combiner must be given.
        observes: whether it is told what each update did.
    """

    model: MultiTaskModel
    tokenizer: Tokenizer
    tokenizer_digest: str | None
    balancer: Balancer
    combiner: Combiner
    needs: Needs
    observes: bool


def assemble(resolved: Resolved, seed: int) -> Assembled:
    """Build a cell; every module's first weights come from the seed and the module's name.

    Raises:
        PluginError: if something that a spec names cannot be imported, or says nonsense.
        UsageError: if a checkpoint is not there or does not fit.
    """
    entry = resolved.entries["encoder"]
    assert isinstance(entry.spec, EncoderSpec)
    parameters = _parameters(entry, resolved.cell.encoder)
    encoder = seeded(seed, "encoder", lambda: _module(entry, parameters))
    heads = {name: _head(resolved, name, encoder, seed) for name in resolved.tasks}
    combiner = resolved.entries["combiner"].spec
    assert isinstance(combiner, CombinerSpec)
    tokenizer = build_tokenizer(entry, parameters)
    return Assembled(
        model=MultiTaskModel(encoder, heads, resolved.cell.train["precision"]),
        tokenizer=tokenizer,
        tokenizer_digest=_tokenizer_digest(entry, entry.spec, tokenizer),
        balancer=_build(resolved, "balancer", resolved.cell.balancer),
        combiner=_build(resolved, "combiner", resolved.cell.combiner),
        needs=combiner.needs,
        observes=combiner.observes,
    )


def _tokenizer_digest(entry: Entry, spec: EncoderSpec, tokenizer: Tokenizer) -> str | None:
    fingerprint = getattr(tokenizer, "fingerprint", None)
    if fingerprint is None:
        return None
    # With its source, so that whoever edits a tokenizer never trains on what it gave before.
    with calling(entry):
        source = source_hash(spec.tokenizer)
    return f"{source} {fingerprint}"


def _head(resolved: Resolved, task: str, encoder: Any, seed: int) -> TaskHead:
    entry = resolved.entries[f"heads.{task}"]
    assert isinstance(entry.spec, HeadSpec)
    component = resolved.cell.heads[task]
    parameters = _parameters(entry, component)
    assert isinstance(parameters, HeadParameters)
    info = resolved.tasks[task].info
    pooling: Pooling = parameters.pooling or encoder.pooling
    build = partial(_module, entry, encoder.width, info, parameters)
    return TaskHead(
        module=seeded(seed, f"heads.{task}", build),
        info=info,
        pair=parameters.pair,
        pooling=AttentionPooling(encoder.width) if pooling == "attention" else pooling,
        output=entry.spec.output,
    )


def _build(resolved: Resolved, part: str, component: Component) -> Any:
    entry = resolved.entries[part]
    return make(entry, _parameters(entry, component))


def _module(entry: Entry, *arguments: Any) -> Any:
    """Make an encoder or a head."""
    made = make(entry, *arguments)
    if not isinstance(made, nn.Module):
        raise PluginError(f"{label(entry)}: its target gave {made!r}, not an nn.Module")
    return made


def _parameters(entry: Entry, component: Component) -> Any:
    return build_parameters(entry, component.parameters, where=component.name)
