"""What the conformance kit asks of a task's description, and where it may be asked for."""

from pathlib import Path

from mtbench.protocols import TaskInfo
from mtbench.testing.checks import ANYTHING, Checks, Subject, require
from mtbench.testing.loads import NOWHERE, build, elsewhere, splits, without_data
from mtbench.testing.processes import ask, listed_with_torch

check = Checks("task")


@check("describe() gives a TaskInfo, which checks itself when it is made")
def describes_itself(subject: Subject) -> None:
    info = build(subject).describe()
    require(isinstance(info, TaskInfo), "a TaskInfo", repr(info))


@check("its description is the same before and after loading, and of another of its kind")
def describes_itself_the_same(subject: Subject) -> None:
    task = build(subject)
    info = task.describe()
    if without_data(subject) is None:
        task.load("train", subject.folder)
    for came in (task.describe(), build(subject).describe()):
        require(came == info, f"the same description, {info}", came)


@check("it can be described where its data are not")
def describes_itself_without_data(subject: Subject) -> None:
    given = build(subject).describe()
    try:
        info = build(elsewhere(subject, NOWHERE)).describe()
    except ANYTHING as error:
        info = f"{type(error).__name__}: {error}"
    require(info == given, "the same description where the files are not", info)


@check("it does without torch, which planning must not import", inapplicable=listed_with_torch)
def needs_no_torch(subject: Subject) -> None:
    load = "made.describe()"
    if without_data(subject) is None:
        load += f", made.load('train', {_path(subject.folder)})"
    answer = ask(subject, f"len([{load}])", setup=_setup(subject))
    require(not answer.torch, "no import of torch", "one, to describe and load it")


@check(
    "another process loads the same, in whatever order it goes through a set",
    inapplicable=without_data,
)
def loads_the_same_in_every_process(subject: Subject) -> None:
    parts = f"[made.load(split, {_path(subject.folder)}) for split in {tuple(splits(subject))}]"
    first, second = (
        ask(
            subject,
            f"[fingerprint(examples) for examples in {parts}]",
            setup=f"{_setup(subject)}from mtbench.data import fingerprint\n",
            hash_seed=seed,
        ).value
        for seed in (1, 4)
    )
    for split, one, other in zip(splits(subject), first, second, strict=True):
        require(one == other, f"one fingerprint of {split} in every process", f"{one}, {other}")


def _setup(subject: Subject) -> str:
    """Return Python that has a new process read the task in its layouts."""
    layouts = subject.spec.layouts
    if layouts is None:
        return ""
    return (
        "from mtbench.data.layouts import LaidOutTask\n"
        f"made = LaidOutTask(made, tuple(resolve({layouts!r})))\n"
    )


def _path(folder: Path | None) -> str:
    """Return Python for a folder."""
    return "None" if folder is None else f"Path({str(folder.absolute())!r})"
