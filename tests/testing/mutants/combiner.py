"""A sound combiner, ways in which it may be another and stays sound, and ways to break it."""

SOUND = """
import torch

from mtbench.api import CombinerSpec, hookimpl


class Mine:
    def __init__(self, parameters):
        self.lengths = {}

    def combine(self, x):
        lengths = x.gramian.diagonal().sqrt()
        for task, length in zip(x.tasks, lengths.tolist(), strict=True):
            self.lengths[task] = (self.lengths.get(task, length) + length) / 2
        running = torch.tensor([self.lengths[task] for task in x.tasks], dtype=torch.float64)
        weights = torch.where(running > 0, running.mean() / running, 1.0)
        return weights

    def state_dict(self):
        return dict(self.lengths)

    def load_state_dict(self, state):
        self.lengths = dict(state)


@hookimpl
def mtbench_combiners():
    promises = frozenset({"permutation-equivariant"})
    spec = CombinerSpec(
        name="mine", summary="s", target=Mine, promises=promises, needs="gramian", observes=False
    )
    return [spec]
"""

WEIGHTS, STATE = "return weights", "def state_dict"
START = "lengths = x.gramian.diagonal().sqrt()"
NO_STATE = [(STATE, "def state"), ("def load_state_dict", "def load_state")]
OBSERVE = "def observe(self, before, after):\n        {}\n\n    def state_dict"
OBSERVES = ("observes=False", "observes=True")
JACOBIAN = [
    ('"gramian"', '"jacobian"'),
    (START, "lengths = x.jacobian.norm(dim=1)"),
    (WEIGHTS, "return weights.to(x.jacobian) @ x.jacobian"),
]
LOSSES = [('"gramian"', '"losses"'), (START, "lengths = x.losses")]

VARIANTS = {
    "of losses": LOSSES,
    "of a Jacobian": JACOBIAN,
    "observing": [OBSERVES, (STATE, OBSERVE.format("self.lengths.update(after)")), *LOSSES],
    "at random": [
        (WEIGHTS, "return weights + torch.rand(1, generator=x.generator)"),
        ("frozenset", "set() and "),
    ],
    "without a memory": [("+ length) / 2", "* 0 + length)"), *NO_STATE],
}

MUTANTS = {
    "a column": (
        "answers-in-shape",
        "expected shape [1] for 1 tasks; came [1, 1]",
        [(WEIGHTS, "return weights[:, None]")],
    ),
    "a list": (
        "answers-in-shape",
        "expected a tensor for 1 tasks; came [1.0]",
        [(WEIGHTS, "return weights.tolist()")],
    ),
    "by the other tasks": (
        "answers-in-shape",
        "expected finite numbers for 1 tasks; came [inf]",
        [(WEIGHTS, "return weights / (len(x.tasks) - 1)")],
    ),
    "a factor of the Gramian": (
        "answers-in-shape",
        "expected no error; came _LinAlgError: ",
        [(WEIGHTS, "return weights @ torch.linalg.cholesky(x.gramian)")],
    ),
    "weights that are learned": (
        "answers-in-shape",
        "expected an answer that asks for no gradient; came one that does",
        [(WEIGHTS, "return weights.requires_grad_() * 2")],
    ),
    "ascent": (
        "keeps-what-agrees",
        "expected a positive multiple of (3, -4, 0); came [-3.0, 4.0, ",
        [(WEIGHTS, "return -weights")],
    ),
    "another direction": (
        "keeps-what-agrees",
        "expected a positive multiple of the tasks' one gradient (1, 2, -2); came [",
        [
            *JACOBIAN[:2],
            (WEIGHTS, "return x.jacobian.sum(dim=0).roll(int(len(x.tasks) > 1))"),
        ],
    ),
    "by a length of zero": (
        "zero-gradients",
        "expected finite numbers for 3 tasks; came [inf, ",
        [("torch.where(running > 0, running.mean() / running, 1.0)", "1 / running")],
    ),
    "by the length of the sum": (
        "zero-gradients",
        "expected finite numbers for 2 tasks; came [inf, inf]",
        [(WEIGHTS, "return weights / x.gramian.sum().sqrt()")],
    ),
    "a shift": (
        "zero-gradients",
        "expected an update of zeros for gradients of zeros; came [1.0, 1.0]",
        [*JACOBIAN[:2], (WEIGHTS, "return x.jacobian.sum(dim=0) + 1")],
    ),
    "a logarithm": (
        "extreme-losses",
        "expected finite numbers for 2 tasks; came [-inf, ",
        [(WEIGHTS, "return weights * x.losses.log()")],
    ),
    "an absolute epsilon": (
        "scale",
        "expected f(1e-06 J) / 1e-06 = f(J); came [",
        [("running.mean() / running,", "running.mean() / (running + 1e-8),")],
    ),
    "the sum": (
        "differs-from-sum",
        "expected something else than the sum of [[1.0, 0.0], [-2.0, 1.0], [-1.0, -3.0]] within "
        "400 steps; came 1 times the sum, [-2.0, -2.0]",
        [(WEIGHTS, "return torch.ones_like(weights)")],
    ),
    "the first task twice": (
        "permutation-equivariant",
        "expected the same update in any order of tasks; came [",
        [(WEIGHTS, "weights[0] *= 2\n        return weights")],
    ),
    "a memory by place": (
        "permutation-equivariant",
        "expected an update that does not depend on where 'sst' stood before; came [",
        [
            ("zip(x.tasks,", "zip(range(len(x.tasks)),"),
            ("for task in x.tasks]", "for task in range(len(x.tasks))]"),
        ],
    ),
    "a memory of so many tasks": (
        "absent-tasks",
        "expected no error; came RuntimeError: The size of tensor a",
        [(WEIGHTS, "self.last = weights + getattr(self, 'last', 0)\n        return self.last")],
    ),
    "no state": (
        "state-round-trip",
        "expected state_dict and load_state_dict, since it remembers past steps; came neither",
        NO_STATE,
    ),
    "no state of what acts late": (
        "state-round-trip",
        "expected state_dict and load_state_dict, since it remembers past steps; came neither",
        [(WEIGHTS, "return weights if x.step >= 100 else torch.ones_like(weights)"), *NO_STATE],
    ),
    "half of the methods": (
        "state-round-trip",
        "expected state_dict and load_state_dict; came load_state_dict alone",
        NO_STATE[:1],
    ),
    "a state of tensors": (
        "state-round-trip",
        "expected a state of JSON values; came TypeError: Object of type Tensor is not JSON",
        [("return dict(self.lengths)", "return {'all': torch.tensor([*self.lengths.values()])}")],
    ),
    "a state that is lost": (
        "state-round-trip",
        "expected the same updates from a loaded state; came [",
        [("self.lengths = dict(state)", "self.lengths = {}")],
    ),
    "a memory of the class": (
        "starts-anew",
        "expected the same update of a fresh combiner, whatever others did; came [",
        [
            ("class Mine:", "ALL = {}\n\n\nclass Mine:"),
            ("self.lengths = {}", "self.lengths = ALL"),
        ],
    ),
    "nothing that observes": (
        "observes",
        "expected a method observe, since the spec says observes; came none",
        [OBSERVES],
    ),
    "nobody who is told to observe": (
        "observes",
        "expected observes=True in the spec of a combiner with observe; came observes=False",
        [(STATE, OBSERVE.format("pass"))],
    ),
    "observation of one task": (
        "observes",
        "expected no error; came KeyError: 'sst'",
        [OBSERVES, (STATE, OBSERVE.format("after['sst']"))],
    ),
    "torch's generator": (
        "draws-from-its-generator",
        "expected the global generators as they were; came another state of torch's",
        [(WEIGHTS, "return weights * torch.rand(1)")],
    ),
    "torch's generator seeded": (
        "draws-from-its-generator",
        "expected torch's generator as it was seeded; came one seeded anew with 0",
        [(WEIGHTS, "torch.manual_seed(0)\n        return weights * torch.rand(1)")],
    ),
    "its generator seeded": (
        "draws-from-its-generator",
        "expected its generator as it was seeded; came one seeded anew with 2",
        [(WEIGHTS, "x.generator.manual_seed(x.step)\n        return weights")],
    ),
    "a Gramian without its diagonal": (
        "leaves-its-input",
        "expected x.gramian as it was; came a changed one",
        [(WEIGHTS, "x.gramian.fill_diagonal_(0)\n        return weights")],
    ),
    "a tensor on the CPU": (
        "follows-the-jacobian",
        "expected tensors on one device; came ",
        [JACOBIAN[0], (START, "return x.jacobian.sum(dim=0) + torch.ones(x.jacobian.shape[1])")],
    ),
    "a tensor of float64": (
        "follows-the-jacobian",
        "expected no error; came RuntimeError: ",
        [JACOBIAN[0], (START, "return x.jacobian[0] @ torch.eye(5, dtype=torch.float64)")],
    ),
    "no words": (
        "rejects-with-a-reason",
        "expected rejects to give a reason in one line, or None; came True",
        [("observes=False", "rejects=lambda cell: len(cell.tasks) == 3")],
    ),
    "a parameter that there is not": (
        "rejects-with-a-reason",
        "expected no error; came KeyError: 'alpha'",
        [("observes=False", "rejects=lambda cell: cell.combiner.parameters['alpha']")],
    ),
}
