"""Layouts: the forms in which the files of a data set come, and the one that a folder holds."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from os.path import isdir, isfile
from pathlib import Path
from typing import Protocol

from mtbench.errors import NotAtHand, nearest
from mtbench.protocols import Examples, Split, Task, TaskInfo


class SplitReader(Protocol):
    """Reads one split of a layout from its file; raises what ``Task.load`` does."""

    def __call__(self, path: Path, split: Split, *, with_labels: bool) -> Examples: ...


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A form in which the files of a data set come.

    Attributes:
        name: what people call it.
        files: for each split the paths, from the data folder, at which its file may lie; the
            first that is there is read.
        read: reads a split from its file.
        fits: whether a file's content is of this layout, where another one has a file of the
            same name.
        sizes: rows a split that the literature reports of it.
    """

    name: str
    files: Mapping[Split, tuple[str, ...]]
    read: SplitReader
    fits: Callable[[Path], bool] = lambda _: True
    sizes: Mapping[Split, int] = field(default_factory=dict)

    def file(self, split: Split, folder: Path) -> Path | None:
        """Return the file of a split, or None where it is not there."""
        paths = (folder / name for name in self.files.get(split, ()))
        there = (path for path in paths if isfile(path))  # noqa: PTH113 - it raises nothing
        return next(filter(self.fits, there), None)


@dataclass(frozen=True)
class LaidOutTask:
    """A task that is read from the first of its layouts whose files a folder holds.

    Attributes:
        task: tells what the task is, and how a folder is named where none was.
        layouts: in the order in which they are looked for.
    """

    task: Task
    layouts: Sequence[Layout]

    def describe(self) -> TaskInfo:
        return self.task.describe()

    def load(self, split: Split, folder: Path | None, *, with_labels: bool = True) -> Examples:
        """Read the split's file; see ``protocols.Task.load``."""
        if folder is None:
            return self.task.load(split, folder, with_labels=with_labels)
        layout = self.layout(folder)
        if split not in layout.files:
            raise NotAtHand(f"the layout {layout.name} ({folder}) has no {split} split")
        # Reading a file that is not there says so.
        path = layout.file(split, folder) or folder / layout.files[split][0]
        return layout.read(path, split, with_labels=with_labels)

    def layout(self, folder: Path) -> Layout:
        """Return the layout that a folder holds.

        It is the first that has both train and dev there; of several that are incomplete, the
        first with any file.

        Raises:
            NotAtHand: if there is none.
        """
        for needed in (all, any):
            for layout in self.layouts:
                if needed(layout.file(split, folder) for split in ("train", "dev")):
                    return layout
        for layout in self.layouts:
            if layout.file("test", folder):
                return layout
        raise NotAtHand(self._nothing(folder))

    def _nothing(self, folder: Path) -> str:
        names = [name for layout in self.layouts for name in _expected(layout)]
        layouts = "; ".join(f"{each.name}: {', '.join(_expected(each))}" for each in self.layouts)
        if not isdir(folder):  # noqa: PTH112 - it raises nothing
            return f"{folder}, which is no folder, was to hold one of these ({layouts})"
        here: list[str] = []
        with suppress(OSError):  # it may not be listed
            here = sorted(file.name for file in folder.iterdir())
        guess = next(filter(None, (nearest(name, here) for name in names)), None)
        hint = f", though {guess!r} is there" if guess else ""
        return f"no known files in {folder}{hint} (looked for {layouts})"


def _expected(layout: Layout) -> list[str]:
    """Return where each split is looked for first."""
    return list(dict.fromkeys(paths[0] for paths in layout.files.values()))
