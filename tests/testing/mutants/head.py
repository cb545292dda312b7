"""A sound head, ways in which it may be another and stays sound, and ways to break it."""

SOUND = """
import random

import numpy as np
import torch
from torch import nn

from mtbench.api import HeadSpec, hookimpl


class Mine(nn.Module):
    def __init__(self, width, task, parameters):
        super().__init__()
        self.task = task
        self.dropout = nn.Dropout(parameters.dropout)
        self.project = nn.Linear(width * task.embeddings(parameters.pair), task.outputs)

    def forward(self, *u):
        x = self.dropout(torch.cat(u, dim=1))
        outputs = self.project(x)
        return outputs if self.task.loss == "cross-entropy" else outputs.squeeze(1)


def of_scores(cell, task):
    return None if cell.tasks[task].score_range else "it predicts a score"


@hookimpl
def mtbench_heads():
    return [HeadSpec(name="mine", summary="s", target=Mine)]
"""

CAT, PROJECTED = "torch.cat(u, dim=1)", "outputs = self.project(x)"
MADE = "self.task = task"
SPEC, CLASS = "target=Mine", "class Mine(nn.Module):"
PAIRS = ', promises=frozenset({"symmetric"}), rejects=lambda cell, task: '


def each(expression: str) -> list[tuple[str, str]]:
    """Return the change after which each embedding e is another."""
    return [(CAT, f"torch.cat([{expression} for e in u], dim=1)")]


def then(*lines: str) -> list[tuple[str, str]]:
    """Return the change after which more is done to the outputs."""
    return [(PROJECTED, "\n        ".join([PROJECTED, *lines]))]


def before(line: str) -> list[tuple[str, str]]:
    """Return the change after which a head is made with more."""
    return [(MADE, f"{MADE}\n        {line}")]


VARIANTS = {
    "a start at zero": before("self.first = nn.Linear(width, width)")
    + each("self.first(e).tanh()")
    + [(", task.outputs)", ", task.outputs)\n        nn.init.zeros_(self.project.weight)")],
    "without dropout": [("nn.Dropout(parameters.dropout)", "nn.Identity()")],
    "a look at values": then("outputs = outputs * (2 if x.max().item() > 1e6 else 1)"),
    "safe lengths": each("nn.functional.normalize(e, dim=1)"),
    "scores only": [(SPEC, f"{SPEC}, rejects=of_scores")],
    "a unit": [
        (SPEC, f'{SPEC}, output="unit", rejects=of_scores'),
        ("outputs.squeeze(1)", "outputs.squeeze(1).tanh()"),
    ],
    "without parameters": [
        (PROJECTED, "outputs = x.mean(dim=1, keepdim=True)"),
        ("self.project = nn.Linear(", "(lambda *_: None)("),
        (SPEC, f"{SPEC}, rejects=of_scores"),
    ],
    "one parameter": [
        *before("self.scale = nn.Parameter(torch.ones(()))"),
        (PROJECTED, "outputs = self.scale * x.mean(dim=1, keepdim=True)"),
        ("self.project = nn.Linear(", "(lambda *_: None)("),
        (SPEC, f"{SPEC}, rejects=of_scores"),
    ],
    "symmetric": [
        *each("sum(u)"),
        (SPEC, f'{SPEC}, promises=frozenset({{"symmetric"}})'),
    ],
}

MUTANTS = {
    "no words": (
        "refuses-with-a-reason",
        "expected rejects to give a reason in one line, or None; came True",
        [(SPEC, f"{SPEC}, rejects=lambda cell, task: cell.tasks[task].sentences == 1")],
    ),
    "a parameter that there is not": (
        "refuses-with-a-reason",
        "expected no error; came KeyError: 'tau'",
        [(SPEC, f"{SPEC}, rejects=lambda cell, task: cell.heads[task].parameters['tau']")],
    ),
    "nothing taken": (
        "shapes",
        "expected a head that takes some kind of task; came refusals of all: one sentence with "
        "five classes: no; ",
        [(SPEC, f"{SPEC}, rejects=lambda cell, task: 'no'")],
    ),
    "pairs alone": (
        "shapes",
        "expected one sentence with five classes to be refused, or taken; came TypeError: ",
        [("self, *u):", "self, first, second):\n        u = first, second")],
    ),
    "no module": (
        "shapes",
        "classes to be refused, or taken; came CheckFailed: expected an nn.Module; came 3",
        [(SPEC, "target=lambda *_: 3")],
    ),
    "a batch of one squeezed": (
        "shapes",
        "expected shape [1] at width 16; came [] (one sentence with yes or no)",
        [("outputs.squeeze(1)", "outputs.squeeze()")],
    ),
    "batch normalisation": (
        "shapes",
        "expected no error; came ValueError: Expected more than 1 value per channel",
        before("self.norm = nn.BatchNorm1d(width)") + each("self.norm(e)"),
    ),
    "one width": (
        "shapes",
        "expected no error; came RuntimeError: mat1 and mat2 shapes cannot be multiplied",
        [("width * task", "16 * task")],
    ),
    "a unit of classes": (
        "unit-outputs",
        'expected a head with output = "unit" to refuse what is no score; came one that takes '
        "another (one sentence with five classes)",
        [(SPEC, f'{SPEC}, output="unit"')],
    ),
    "a unit that is passed": (
        "unit-outputs",
        "expected outputs in [-1, 1]; came one of ",
        [(SPEC, f'{SPEC}, output="unit", rejects=of_scores')],
    ),
    "a length of zero": (
        "finite-numbers",
        "expected finite outputs on embeddings of zeros; came [[nan, nan",
        each("e / e.norm(dim=1, keepdim=True)"),
    ),
    "a root of zero": (
        "finite-numbers",
        "expected finite gradients on embeddings of zeros; came others in sentence 1",
        each("e.square().sum(dim=1, keepdim=True).sqrt() + e"),
    ),
    "an exponential": (
        "finite-numbers",
        "expected finite outputs on embeddings a thousand times as long",
        each("e.exp()"),
    ),
    "detached outputs": (
        "finite-numbers",
        "expected outputs that can be differentiated; came others",
        then("outputs = outputs.detach()"),
    ),
    "the mean of the batch": (
        "examples-apart",
        "expected an example's output alone as among others; came outputs that differ by ",
        each("e - e.mean(dim=0)"),
    ),
    "a batch that is sorted": (
        "examples-apart",
        "expected an example's output alone as among others; came outputs that differ by ",
        then("outputs = outputs.sort(dim=0).values"),
    ),
    "the last batch": (
        "examples-apart",
        "expected an example's output alone as among others; came outputs that differ by ",
        then("outputs = outputs + getattr(self, 'last', 0)", "self.last = x.detach().mean()"),
    ),
    "dropout in evaluation": (
        "examples-apart",
        "expected the global generators as they were; came another state of torch's",
        each("nn.functional.dropout(e)"),
    ),
    "a promise": (
        "symmetric",
        "expected f(v, u) = f(u, v); came outputs that differ by ",
        [(SPEC, f'{SPEC}, promises=frozenset({{"symmetric"}})')],
    ),
    "a promise and no pairs": (
        "symmetric",
        "expected a head that promises 'symmetric' to take separate pairs; came refusals of all",
        [(SPEC, f"{SPEC}{PAIRS}'no' if cell.tasks[task].sentences == 2 else None")],
    ),
    "embeddings in place": (
        "examples-apart",
        "expected the embeddings as they were, which other heads may share; came changed ones",
        each("e.relu_()"),
    ),
    "one sentence alone": (
        "reaches-everything",
        "expected a gradient in sentence 2; came none (a pair with three classes, separate)",
        [(CAT, "torch.cat([u[0], *(e.detach() for e in u[1:])], dim=1)")],
    ),
    "an idle parameter": (
        "reaches-everything",
        "expected a gradient in 'gate'; came none (one sentence with five classes)",
        before("self.gate = nn.Parameter(torch.ones(width))"),
    ),
    "a parameter of the module": (
        "leaves-no-foreign-gradients",
        "expected gradients in its own parameters only; came some in mutant.SCALE",
        [(CLASS, f"SCALE = nn.Parameter(torch.ones(()))\n\n\n{CLASS}"), *each("e * SCALE")],
    ),
    "a layer of the module": (
        "leaves-no-foreign-gradients",
        "expected gradients in its own parameters only; came some in mutant.SHARED.weight",
        [(CLASS, f"SHARED = nn.LayerNorm(16, bias=False)\n\n\n{CLASS}"), *each("SHARED(e)")],
    ),
    "a pass backwards": (
        "leaves-no-foreign-gradients",
        "expected no gradient before the backward pass; came one in ['project.weight', ",
        then("outputs.sum().backward(retain_graph=True)"),
    ),
    "a slope of zero": (
        "learns",
        "expected a loss that falls by a tenth or more in 30 steps; came ",
        then("outputs = outputs.detach() + 0 * outputs"),
    ),
    "a loss that is no number": (
        "learns",
        "expected a finite loss of the head 'mine'; came nan at step 1 (one sentence with five",
        then("outputs = outputs * float('nan')"),
    ),
    "weights from numpy": (
        "same-seed-same-weights",
        "expected the global generators as they were; came another state of numpy's",
        before("self.shift = nn.Parameter(torch.tensor(np.random.rand()))"),
    ),
    "weights from the system": (
        "same-seed-same-weights",
        "expected the same first weights of the same seed; came others in shift",
        before("self.shift = nn.Parameter(torch.tensor(random.SystemRandom().random()))"),
    ),
    "torch's generator seeded as it is made": (
        "same-seed-same-weights",
        "expected torch's generator as it was seeded; came one seeded anew with 0",
        before("torch.manual_seed(0)"),
    ),
    "one scale for all tasks": (
        "shares-nothing",
        "expected tensors of its own for each head; came scale of another",
        [
            (CLASS, f"SCALE = nn.Parameter(torch.ones(2))\n\n\n{CLASS}"),
            *before("self.scale = SCALE"),
        ],
    ),
    "a tensor that is not saved": (
        "save-and-load",
        "expected the same outputs; came outputs that differ by ",
        before("self.shift = torch.rand(1)") + then("outputs = outputs + self.shift"),
    ),
    "a rate of its own": (
        "dropout",
        "expected no dropout at rate 0; came outputs that differ by ",
        [("parameters.dropout", "0.1")],
    ),
    "numpy's generator": (
        "dropout",
        "expected the global generators as they were; came another state of numpy's",
        then("np.random.rand() if self.training else 0"),
    ),
    "torch's generator seeded": (
        "dropout",
        "expected torch's generator as it was seeded; came one seeded anew with 0",
        then("torch.manual_seed(0) if self.training else 0"),
    ),
    "a layer that autocast does not know": (
        "bfloat16",
        "expected no error; came RuntimeError: ",
        before("self.form = nn.Bilinear(width, width, 1)") + each("e * self.form(e, e)"),
    ),
    "a tensor on the CPU": (
        "follows-the-device",
        "expected tensors on one device; came ",
        then("outputs = outputs + torch.zeros(len(x), 1)"),
    ),
    "a product on the CPU": (
        "follows-the-device",
        "came cpu and meta in mm",
        before("self.turn = torch.eye(width)") + each("e @ self.turn"),
    ),
    "outputs on the CPU": (
        "follows-the-device",
        "expected a result where the tensors are; came cpu",
        then("outputs = torch.zeros(outputs.shape)"),
    ),
}
