"""A sound task, ways in which it may be another and stays sound, and ways to break it."""

SOUND = """
import random

from mtbench.api import BadRow, Examples, NotAtHand, TaskInfo, TaskSpec, check_there, hookimpl

INFO = TaskInfo(sentences=1, loss="cross-entropy", classes=2, metrics=("accuracy",))


class Mine:
    def __init__(self, parameters):
        self.loads = 0

    def describe(self):
        return INFO

    def load(self, split, folder, *, with_labels=True):
        if folder is None:
            raise NotAtHand("no folder is named: give --data DIR")
        file = folder / f"{split}.txt"
        check_there(file, "examples")
        rows = [row.split("|") for row in file.read_text().splitlines()]
        bad = tuple(BadRow(str(file), n, "no label") for n, r in enumerate(rows, 1) if len(r) < 3)
        ids, texts, labels = zip(*sorted(row for row in rows if len(row) == 3))
        texts, labels = tuple((text,) for text in texts), tuple(map(float, labels))
        self.loads += 1
        return Examples(ids, texts, labels if with_labels else None, bad)


@hookimpl
def mtbench_tasks():
    return [TaskSpec(name="mine", summary="s", target=Mine)]
"""

DATA = {
    f"{split}.txt": f"{split}-1|good|1\n{split}-2|bad|0\n{split}-3|a fine film|1\nbroken\n"
    for split in ("train", "dev", "test")
}

GIVEN = "self.loads += 1"
RETURN = "return Examples(ids, texts, labels if with_labels else None, bad)"
SCORES = [
    (
        'loss="cross-entropy", classes=2, metrics=("accuracy",)',
        'loss="squared-error", score_range=(0.0, 1.0), metrics=("pearson",)',
    )
]


def then(line: str) -> list[tuple[str, str]]:
    """Return the change after which a split has other ids, texts or labels."""
    return [(GIVEN, f"{GIVEN}\n        {line}")]


VARIANTS = {
    "scores": SCORES,
    "no test split": then("if split == 'test':\n            raise NotAtHand('there is none')"),
    "no files": [
        ("if folder is None:", "if False:"),
        ('check_there(file, "examples")', ""),
        ('folder / f"{split}.txt"', "split"),
        ("file.read_text().splitlines()", 'f"{split}-1|good|1 {split}-2|bad|0".split()'),
    ],
}

MUTANTS = {
    "a dictionary": (
        "describes-itself",
        "expected a TaskInfo; came {}",
        [("return INFO", "return {}")],
    ),
    "another description each time": (
        "describes-itself",
        "expected the same description where the files are not; came ",
        [
            (
                "return INFO",
                "import dataclasses\n        Mine.n = getattr(Mine, 'n', 1) + 1\n        "
                "return dataclasses.replace(INFO, loss='cross-entropy', classes=Mine.n)",
            )
        ],
    ),
    "torch": (
        "loads-the-same-in-every-process",
        "expected no import of torch, as planning must not; came one, to describe and load it",
        then("import torch"),
    ),
    "an error of Python's": (
        "missing-data-are-a-usage-error",
        "expected a UsageError of one line in an empty folder; came FileNotFoundError: ",
        [('check_there(file, "examples")', "")],
    ),
    "several lines": (
        "missing-data-are-a-usage-error",
        "expected a UsageError of one line without a folder; came 'no folder\\nis named",
        [("no folder is named", "no folder\\nis named")],
    ),
    "a list": (
        "splits-have-examples",
        "expected the train split as Examples; came list",
        [(RETURN, "return [ids, texts, labels]")],
    ),
    "an empty split": (
        "splits-have-examples",
        "expected examples in the dev split; came none",
        then("ids, texts, labels = ((), (), ()) if split == 'dev' else (ids, texts, labels)"),
    ),
    "a text too few": (
        "splits-have-examples",
        "expected as many texts and labels as ids in train, 3; came 2 texts and 3 labels",
        then("texts = texts[:-1]"),
    ),
    "numbers for ids": (
        "ids-are-unique",
        "expected ids of train that are texts; came 0, 1, 2",
        then("ids = tuple(range(len(ids)))"),
    ),
    "an id twice": (
        "ids-are-unique",
        "expected unique ids in train; came train-1 more than once",
        then("ids = (ids[0], ids[0], ids[2])"),
    ),
    "row numbers": (
        "ids-are-unique",
        "expected ids in dev that no other split has; came 0 of train, 1 of train, 2 of train",
        then("ids = tuple(map(str, range(len(ids))))"),
    ),
    "the file's order": (
        "ids-are-unique",
        "expected ids of train in ascending order; came train-2, train-1 too late",
        then("ids = ids[::-1]"),
    ),
    "a bare text": (
        "texts-are-sentences",
        "expected a tuple of 1 text(s) in example train-1 of train; came 'good'",
        then("texts = tuple(text for text, in texts)"),
    ),
    "a blank text": (
        "texts-are-sentences",
        "expected words in every text in example train-1 of train; came ' '",
        then("texts = ((' ',), *texts[1:])"),
    ),
    "no labels on dev": (
        "labels-are-in-range",
        "expected labels in the dev split; came None",
        then("labels = None if split == 'dev' else labels"),
    ),
    "labels from 1": (
        "labels-are-in-range",
        "expected labels of train in range(0, 2); came 2.0, 2.0",
        then("labels = tuple(label + 1 for label in labels)"),
    ),
    "a score beyond the range": (
        "labels-are-in-range",
        "expected labels of train within (0.0, 1.0); came 2.0, 2.0",
        [*SCORES, *then("labels = tuple(2 * label for label in labels)")],
    ),
    "a class too many": (
        "labels-are-in-range",
        "expected all of range(0, 3) in train; came none of 2",
        [("classes=2", "classes=3")],
    ),
    "scores that are all the same": (
        "perfect-predictions-score-1",
        "expected pearson 1 of perfect predictions on dev; came an undefined one",
        [*SCORES, *then("labels = tuple(1.0 for label in labels)")],
    ),
    "labels of test": (
        "gives-no-labels-unasked",
        "expected labels None of load('test', with_labels=False); came labels",
        [("labels if with_labels else None", "labels")],
    ),
    "another text each time": (
        "loads-the-same-again",
        "expected the same test split each time; came another",
        then("texts = ((str(self.loads),), *texts[1:])"),
    ),
    "Python's generator": (
        "loads-the-same-again",
        "expected the global generators as they were; came another state of Python's",
        then("random.random()"),
    ),
    "the order of a set": (
        "loads-the-same-in-every-process",
        "expected one fingerprint of train in every process; came ",
        then("texts = tuple((word,) for word in {'good', 'bad', 'fine'})"),
    ),
    "no line": (
        "bad-rows-say-where",
        "expected bad rows of train with a file, a line from 1 and a reason in one line; came ",
        [("BadRow(str(file), n,", "BadRow(str(file), 0,")],
    ),
}
