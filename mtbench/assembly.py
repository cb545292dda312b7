"""Assembly: from a resolved cell and a seed to its model, tokenizer, balancer and combiner."""

from dataclasses import dataclass
from typing import Any

from torch import nn

from mtbench.entries import Entry, build_parameters, label, load_target
from mtbench.errors import PluginError
from mtbench.model import MultiTaskModel, TaskHead, seeded
from mtbench.parameters import HeadParameters
from mtbench.pooling import AttentionPooling
from mtbench.protocols import Balancer, Combiner, Pooling, Tokenizer
from mtbench.provenance import source_hash
from mtbench.resolution import Resolved
from mtbench.specs import Component, EncoderSpec, HeadSpec


@dataclass(frozen=True)
class Assembled:
    """The objects behind a cell's names.

    Attributes:
        tokenizer_digest: of everything that decides the tokenizer's ids; None where the
            tokenizer does not say so.
    """

    model: MultiTaskModel
    tokenizer: Tokenizer
    tokenizer_digest: str | None
    balancer: Balancer
    combiner: Combiner


def assemble(resolved: Resolved, seed: int) -> Assembled:
    """Build a cell; every module's first weights come from the seed and the module's name.

    Raises:
        PluginError: if something that a spec names cannot be imported, or says nonsense.
        UsageError: if a checkpoint is not there or does not fit.
    """
    entry = resolved.entries["encoder"]
    assert isinstance(entry.spec, EncoderSpec)
    parameters = _parameters(entry, resolved.cell.encoder)
    target = load_target(entry, entry.spec.target)
    encoder = seeded(seed, "encoder", lambda: target(parameters))
    heads = {name: _head(resolved, name, encoder, seed) for name in resolved.tasks}
    tokenizer = load_target(entry, entry.spec.tokenizer)(parameters)
    return Assembled(
        model=MultiTaskModel(encoder, heads, resolved.cell.train["precision"]),
        tokenizer=tokenizer,
        tokenizer_digest=_tokenizer_digest(entry, entry.spec, tokenizer),
        balancer=_build(resolved, "balancer", resolved.cell.balancer),
        combiner=_build(resolved, "combiner", resolved.cell.combiner),
    )


def _tokenizer_digest(entry: Entry, spec: EncoderSpec, tokenizer: Tokenizer) -> str | None:
    fingerprint = getattr(tokenizer, "fingerprint", None)
    if fingerprint is None:
        return None
    if not (isinstance(fingerprint, str) and fingerprint):
        raise PluginError(
            f"{label(entry)}: the fingerprint of its tokenizer is {fingerprint!r}, not a text"
        )
    # With its source, so that whoever edits a tokenizer never trains on what it gave before.
    try:
        source = source_hash(spec.tokenizer)
    except (ImportError, SyntaxError) as error:
        raise PluginError(f"{label(entry)}: {type(error).__name__}: {error}") from error
    return f"{source} {fingerprint}"


def _head(resolved: Resolved, task: str, encoder: Any, seed: int) -> TaskHead:
    entry = resolved.entries[f"heads.{task}"]
    assert isinstance(entry.spec, HeadSpec)
    component = resolved.cell.heads[task]
    parameters = _parameters(entry, component)
    assert isinstance(parameters, HeadParameters)
    target = load_target(entry, entry.spec.target)
    info = resolved.tasks[task].info
    pooling: Pooling = parameters.pooling or encoder.pooling

    def build() -> nn.Module:
        head: nn.Module = target(encoder.width, info, parameters)
        return head

    return TaskHead(
        module=seeded(seed, f"heads.{task}", build),
        info=info,
        pair=parameters.pair,
        pooling=AttentionPooling(encoder.width) if pooling == "attention" else pooling,
        output=entry.spec.output,
    )


def _build(resolved: Resolved, part: str, component: Component) -> Any:
    entry = resolved.entries[part]
    return load_target(entry, entry.spec.target)(_parameters(entry, component))


def _parameters(entry: Entry, component: Component) -> Any:
    return build_parameters(entry, component.parameters, where=component.name)
