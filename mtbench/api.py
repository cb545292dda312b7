"""The public names for plugin authors; a plugin imports from here and from ``mtbench.testing``.

``Parameters`` and ``HeadParameters`` bring pydantic and are imported when first asked for.
"""

from typing import TYPE_CHECKING, Any

from mtbench.combination import CombineInput, Combiner, ObservingCombiner
from mtbench.data.files import check_there
from mtbench.data.labels import Label, class_label, named_label, score_label
from mtbench.data.layouts import Layout
from mtbench.data.tables import Part, read_table
from mtbench.errors import NotAtHand, UsageError, unknown
from mtbench.hookspecs import hookimpl
from mtbench.protocols import (
    BadRow,
    Balancer,
    Encoder,
    EncoderOutput,
    Examples,
    Pooling,
    RaggedBatch,
    Split,
    Step,
    Submission,
    Task,
    TaskInfo,
    Tokenizer,
    Tokens,
)
from mtbench.randomness import derive, stream
from mtbench.specs import (
    API,
    BalancerSpec,
    Cell,
    CombinerSpec,
    Component,
    EncoderSpec,
    HeadSpec,
    TaskSpec,
)

if TYPE_CHECKING:
    from mtbench.parameters import HeadParameters, Parameters

__all__ = [
    "API",
    "BadRow",
    "Balancer",
    "BalancerSpec",
    "Cell",
    "CombineInput",
    "Combiner",
    "CombinerSpec",
    "Component",
    "Encoder",
    "EncoderOutput",
    "EncoderSpec",
    "Examples",
    "HeadParameters",
    "HeadSpec",
    "Label",
    "Layout",
    "NotAtHand",
    "ObservingCombiner",
    "Parameters",
    "Part",
    "Pooling",
    "RaggedBatch",
    "Split",
    "Step",
    "Submission",
    "Task",
    "TaskInfo",
    "TaskSpec",
    "Tokenizer",
    "Tokens",
    "UsageError",
    "check_there",
    "class_label",
    "derive",
    "hookimpl",
    "named_label",
    "read_table",
    "score_label",
    "stream",
    "unknown",
]


def __getattr__(name: str) -> Any:
    if name in ("HeadParameters", "Parameters"):
        from mtbench import parameters

        return getattr(parameters, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
