"""A sound balancer, ways in which it may be another and stays sound, and ways to break it."""

SOUND = """
import random

from mtbench.api import BalancerSpec, hookimpl


class Mine:
    def __init__(self, parameters):
        self.budget = None

    def begin(self, *, steps, epochs):
        self.budget = (steps, epochs)

    def steps(self, sizes, batch_sizes, progress, rng):
        left = dict(sizes)
        while any(left.values()):
            tasks = [task for task in left if left[task]]
            task = rng.choice(tasks)
            count = min(left[task], batch_sizes[task])
            left[task] -= count
            yield {task: count}


@hookimpl
def mtbench_balancers():
    promises = frozenset({"covers", "exact"})
    return [BalancerSpec(name="mine", summary="s", target=Mine, promises=promises)]
"""

LEFT, CHOICE, YIELD = "left = dict(sizes)", "rng.choice(tasks)", "yield {task: count}"
COUNT = "min(left[task], batch_sizes[task])"

VARIANTS = {
    "without begin": [("def begin", "def start")],
    "a reason": [("promises=promises", "promises=promises, rejects=lambda cell: 'no'")],
}

MUTANTS = {
    "no steps": (
        "steps-are-sound",
        "expected at least one step an epoch; came none",
        [(LEFT, "return")],
    ),
    "no end": (
        "steps-are-sound",
        "expected an epoch that ends; came more than 100000 steps of 70 examples",
        [("left[task] -= count", "left[task] -= 0")],
    ),
    "an empty step": (
        "steps-are-sound",
        "expected examples in every step; came none in step 0",
        [(YIELD, "yield {}")],
    ),
    "a task of another run": (
        "steps-are-sound",
        "expected tasks among sst, pd, sts; came 4 of 'nli' in step 0",
        [(YIELD, "yield {'nli': 4}")],
    ),
    "fractions": (
        "steps-are-sound",
        "expected counts of 1 or more, each of type int; came ",
        [(YIELD, "yield {task: count / 2}")],
    ),
    "the last batch filled up": (
        "covers",
        "expected 23 examples of 'sst' an epoch; came 24",
        [
            (COUNT, "batch_sizes[task]"),
            ("left[task] -= count", "left[task] -= min(count, left[task])"),
        ],
    ),
    "the last batch dropped": (
        "covers",
        "expected at least 23 examples of 'sst' an epoch; came 20",
        [
            ('{"covers", "exact"}', '{"covers"}'),
            (LEFT, "left = {t: n - n % batch_sizes[t] for t, n in sizes.items()}"),
        ],
    ),
    "only one task": (
        "starves-no-task",
        "expected examples of every task within 10 epochs; came none of sst, sts",
        [(LEFT, "left = {'pd': sizes['pd']}")],
    ),
    "only one task with a budget of steps": (
        "starves-no-task",
        "expected examples of every task within 10 epochs; came none of sst, sts",
        [(LEFT, "left = {'pd': sizes['pd']} if self.budget[0] else dict(sizes)")],
    ),
    "all of a task at once": (
        "respects-batch-sizes",
        "expected at most 64 batches of 1 in a step; came 1000 examples of a task",
        [(COUNT, "left[task]")],
    ),
    "batches of 32": (
        "respects-batch-sizes",
        "expected larger steps with batches of 64 than of 1; came 32 and 32 examples",
        [(COUNT, "min(left[task], 32)")],
    ),
    "at most half of a task": (
        "works-with-any-sizes",
        "expected counts of 1 or more, each of type int; came 0 of ",
        [(COUNT, "min(sizes[task] // 2, left[task], batch_sizes[task])")],
    ),
    "always two tasks": (
        "works-with-any-sizes",
        "expected no error; came ValueError: Sample larger than population",
        [(LEFT, "left = dict(sizes)\n        rng.sample(list(sizes), 2)")],
    ),
    "one epoch": (
        "goes-on",
        "expected at least one step an epoch; came none",
        [(LEFT, "left = {} if progress else dict(sizes)")],
    ),
    "no budget of one step": (
        "goes-on",
        "expected no error; came ZeroDivisionError: ",
        [("(steps, epochs)", "1 / (steps - 1) if steps else 0.1")],
    ),
    "a seed of its own": (
        "same-seed-same-steps",
        "expected the same steps from the same seed; came {",
        [(CHOICE, "random.Random().choice(tasks)")],
    ),
    "Python's generator": (
        "same-seed-same-steps",
        "expected the global generators as they were; came another state of Python's",
        [(CHOICE, "random.choice(tasks)")],
    ),
    "torch's generator seeded": (
        "same-seed-same-steps",
        "expected torch's generator as it was seeded; came one seeded anew with 0",
        [(LEFT, "left = dict(sizes)\n        import torch\n        torch.manual_seed(0)")],
    ),
    "turns of the class": (
        "same-seed-same-steps",
        "expected the same steps beside another balancer; came {",
        [
            (LEFT, "left = dict(sizes)\n        Mine.turn = 0"),
            (CHOICE, "tasks[Mine.turn % len(tasks)]\n            Mine.turn += 1"),
        ],
    ),
    "the order of a set": (
        "same-steps-in-every-process",
        "expected the same steps in every process; came {",
        [("for task in left if", "for task in set(left) if")],
    ),
    "sizes used up": (
        "steps-are-sound",
        "expected sizes to stay {'sst': 23, 'pd': 40, 'sts': 7}; came {'sst': 0, 'pd': 0, ",
        [(LEFT, "left = sizes")],
    ),
    "torch in a step": (
        "same-steps-in-every-process",
        "expected no import of torch, as planning must not; came one, for its steps",
        [(LEFT, "left = dict(sizes)\n        import torch")],
    ),
    "no words": (
        "rejects-with-a-reason",
        "expected rejects to give a reason in one line, or None; came True",
        [("promises=promises", "promises=promises, rejects=lambda cell: len(cell.tasks) == 3")],
    ),
}
