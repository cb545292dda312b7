"""The heads that mtbench ships."""

from mtbench.api import HeadSpec, hookimpl
from mtbench_builtins.heads import refusals

LINEAR = HeadSpec(
    name="linear",
    summary="dropout and a projection; of a separate pair, of both embeddings side by side",
    target="mtbench_builtins.heads.linear:Linear",
    paper="Devlin et al. 2019, BERT, section 4.1 and figure 4 (with pair = joined, for pairs)",
)
SCALED_LINEAR = HeadSpec(
    name="scaled-linear",
    summary="linear, times the top of the score's range",
    target="mtbench_builtins.heads.scaled_linear:ScaledLinear",
    rejects=refusals.of_scaled_linear,
)
COSINE = HeadSpec(
    name="cosine",
    summary="cosine of a pair's embeddings, trained on the score as a share of its range",
    target="mtbench_builtins.heads.cosine:Cosine",
    output="unit",
    rejects=refusals.of_cosine,
    paper="Reimers and Gurevych 2019, Sentence-BERT, section 3 (regression objective)",
)
RELU_COSINE = HeadSpec(
    name="relu-cosine",
    summary="cosine of a pair's embeddings, negative ones as 0, times the top of the range",
    target="mtbench_builtins.heads.relu_cosine:ReluCosine",
    rejects=refusals.of_relu_cosine,
)


@hookimpl
def mtbench_heads() -> list[HeadSpec]:
    """Return the heads."""
    return [LINEAR, SCALED_LINEAR, COSINE, RELU_COSINE]
