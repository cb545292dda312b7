"""Specs: frozen records by which a plugin describes what it brings.

A spec names its classes as ``"package.module:Name"``, so that listing plugins imports none of
them, torch above all; a class or function itself is taken as well. What those classes must do
is on the page beside this one, ``protocols``.
"""

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, ClassVar, Literal

from mtbench.protocols import TaskInfo

Target = str | Callable[..., Any]

Needs = Literal["losses", "gramian", "jacobian"]
"""What a combiner is given, cheapest first; the harness computes nothing that is not needed."""

API = 1
"""Version of the plugin interface; raised when something is added or deprecated."""


def resolve(target: Target) -> Any:
    """Import what a target names.

    Raises:
        ImportError: if the module cannot be imported.
        AttributeError: if it has no such name.
        ValueError: if the text is not of the form ``package.module:Name``.
    """
    if not isinstance(target, str):
        return target
    module, colon, name = target.partition(":")
    if not colon or not module or not name:
        raise ValueError(f"{target!r} is not of the form 'package.module:Name'")
    return getattr(import_module(module), name)


@dataclass(frozen=True)
class Component:
    """A named plugin with all its parameters, defaults filled in."""

    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Cell:
    """One point of a matrix, resolved: what a ``rejects`` function looks at.

    Attributes:
        combiner_needs: what the combiner is given; a combiner of gradients needs more than
            ``"losses"``.
    """

    tasks: Mapping[str, TaskInfo]
    encoder: Component
    heads: Mapping[str, Component]
    balancer: Component
    combiner: Component
    train: Mapping[str, Any]
    combiner_needs: Needs = "losses"


@dataclass(frozen=True, kw_only=True)
class Spec:
    """What all kinds of component tell about themselves.

    Attributes:
        name: how a matrix names it: lower case, words joined by ``-``.
        summary: one line for listings.
        target: the class, called with its parameters.
        parameters: a pydantic model of its parameters (a subclass of ``mtbench.api.Parameters``);
            None where it has none of its own.
        paper: where it comes from: authors, year, title, equation.
        example: parameters with which it works, as a matrix has them: needed where some have no
            default, and shown by ``mtbench plugins show``.
        promises: names of ``PROMISES``: what the component says of itself, and the conformance
            kit holds it to.
        expected_failures: checks of the conformance kit that it does not pass, each with the
            reason; one that passes all the same is a failure.
        sources: what else decides its numbers and is not found by following the imports of its
            code: ``"package.module"``, with what that imports, or ``"package:file"``, a file in
            the package's folder or beside the module. Editing them re-runs what used it.
        api: the version of the plugin interface that it was written for; see ``API``.
    """

    kind: ClassVar[str]
    PROMISES: ClassVar[Mapping[str, str]] = {}

    name: str
    summary: str
    target: Target
    parameters: Target | None = None
    paper: str = ""
    example: Mapping[str, Any] = field(default_factory=dict)
    promises: frozenset[str] = frozenset()
    expected_failures: Mapping[str, str] = field(default_factory=dict)
    sources: Sequence[str] = ()
    api: int = 1


@dataclass(frozen=True, kw_only=True)
class TaskSpec(Spec):
    """A task: ``target(parameters)`` is a ``protocols.Task``.

    Attributes:
        locations: names of parameters that are paths and change no number, because the content
            of what lies there is in a run's key; they are left out of it, and made absolute.
        layouts: a sequence of ``layouts.Layout``: forms in which the data may come, in the order
            in which they are looked for. ``target`` then describes the task, and is not asked
            to load it where a folder is named. None where it reads its data itself.
    """

    kind: ClassVar[str] = "task"

    locations: frozenset[str] = frozenset()
    layouts: Target | None = None


@dataclass(frozen=True, kw_only=True)
class EncoderSpec(Spec):
    """An encoder: ``target(parameters)`` is a ``protocols.Encoder``, an ``nn.Module``.

    Attributes:
        tokenizer: called with the parameters, gives a ``protocols.Tokenizer``.
        fingerprint: called with the parameters, gives the digest of what decides the initial
            weights and the tokens besides the parameters (the bytes of a checkpoint, never its
            path); without torch. None where the parameters and the seed decide everything.
        locations: names of parameters that say where something lies and change no number, such
            as a path; they are left out of a run's key, which has the fingerprint. One that is
            a path from the working directory is made absolute.
        shipped: values of ``locations`` that name what the plugin brings itself, and are
            therefore no paths, whatever lies in the working directory.
        rejects: given the cell, the reason why it makes no sense, or None.
        caveat: given the cell, what a reader of its scores must know, such as that the weights
            have met a task's data before: a text, several, or None. It stands below a
            leaderboard in which the cell has a score, and is asked for once the cell has a
            fingerprint.
    """

    kind: ClassVar[str] = "encoder"

    tokenizer: Target
    fingerprint: Target | None = None
    locations: frozenset[str] = frozenset()
    shipped: frozenset[str] = frozenset()
    rejects: Callable[[Cell], str | None] | None = None
    caveat: Callable[[Cell], str | Sequence[str] | None] | None = None


@dataclass(frozen=True, kw_only=True)
class HeadSpec(Spec):
    """A head: ``target(width, task_info, parameters)`` is an ``nn.Module``.

    Its parameters are a subclass of ``mtbench.api.HeadParameters``, which is what a head has
    that names none.

    Attributes:
        output: ``"task"`` for logits, or a score in the task's own units; ``"unit"`` for a score
            whose 1 is the top of the task's range, such as a cosine: it is trained on
            ``(y - low) / (high - low)`` and its predictions are scaled back.
        rejects: given the cell and the task's name, the reason why the head does not fit there.
    """

    kind: ClassVar[str] = "head"
    PROMISES: ClassVar[Mapping[str, str]] = {
        "symmetric": "swapping the two sentences of a pair changes nothing",
    }

    output: Literal["task", "unit"] = "task"
    rejects: Callable[[Cell, str], str | None] | None = None


@dataclass(frozen=True, kw_only=True)
class BalancerSpec(Spec):
    """A balancer: ``target(parameters)`` is a ``protocols.Balancer``."""

    kind: ClassVar[str] = "balancer"
    PROMISES: ClassVar[Mapping[str, str]] = {
        "covers": "an epoch takes at least as many examples of every task as it has",
        "exact": "an epoch takes exactly as many examples of every task as it has",
    }

    rejects: Callable[[Cell], str | None] | None = None


@dataclass(frozen=True, kw_only=True)
class CombinerSpec(Spec):
    """A combiner: ``target(parameters)`` is a ``combination.Combiner``.

    Attributes:
        needs: what it is given; see ``combination.CombineInput``.
        observes: whether it has a method ``observe``, and is told by it what each update did to
            the step's losses; that costs one forward pass more.
    """

    kind: ClassVar[str] = "combiner"
    PROMISES: ClassVar[Mapping[str, str]] = {
        "permutation-equivariant": "the order of the tasks changes nothing",
    }

    needs: Needs
    observes: bool = False
    rejects: Callable[[Cell], str | None] | None = None


KINDS: Mapping[str, type[Spec]] = {
    spec.kind: spec for spec in (TaskSpec, EncoderSpec, HeadSpec, BalancerSpec, CombinerSpec)
}

FIELDS: Mapping[str, type] = {
    "summary": str,
    "paper": str,
    "example": Mapping,
    "promises": Set,
    "expected_failures": Mapping,
    "api": int,
}
"""Fields of every spec that listings and messages read, with their types."""


def misfit(spec: Spec) -> str | None:
    """Say which field is of another type, or that the whole is of another version; or None."""
    for name, expected in FIELDS.items():
        if not isinstance(value := getattr(spec, name), expected):
            return f"{spec.name!r}: {name} is {value!r}, no {expected.__name__}"
    if spec.api > API:
        return f"{spec.name!r} is for plugin api {spec.api}; this mtbench has api {API}"
    return None
