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
    promises=frozenset({"symmetric"}),
    rejects=refusals.of_cosine,
    paper="Reimers and Gurevych 2019, Sentence-BERT, section 3 (regression objective)",
)
RELU_COSINE = HeadSpec(
    name="relu-cosine",
    summary="cosine of a pair's embeddings, negative ones as 0, times the top of the range",
    target="mtbench_builtins.heads.relu_cosine:ReluCosine",
    promises=frozenset({"symmetric"}),
    rejects=refusals.of_relu_cosine,
)
ABS_DIFF = HeadSpec(
    name="abs-diff",
    summary="a projection of a pair's embeddings and their difference: u, v, |u - v|",
    target="mtbench_builtins.heads.abs_diff:AbsDiff",
    rejects=refusals.without_two_embeddings,
    paper="Reimers and Gurevych 2019, Sentence-BERT, section 3 (classification objective)",
)
BILINEAR = HeadSpec(
    name="bilinear",
    summary="a bilinear form of a pair's embeddings, u^T W v",
    target="mtbench_builtins.heads.bilinear:Bilinear",
    rejects=refusals.without_two_embeddings,
    paper="Socher et al. 2013, Reasoning With Neural Tensor Networks, equation 1 (bilinear term)",
)
MLP = HeadSpec(
    name="mlp",
    summary="linear, with a hidden layer of tanh before the projection",
    target="mtbench_builtins.heads.mlp:Mlp",
    parameters="mtbench_builtins.heads.parameters:MlpParameters",
    paper="Conneau et al. 2017, InferSent (one hidden layer); Liu et al. 2019, RoBERTa (its head)",
)


@hookimpl
def mtbench_heads() -> list[HeadSpec]:
    """Return the heads."""
    return [LINEAR, SCALED_LINEAR, COSINE, RELU_COSINE, ABS_DIFF, BILINEAR, MLP]
