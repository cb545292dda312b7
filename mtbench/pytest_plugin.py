"""The plugin for pytest: the fixture ``mtbench_check``, the gate as a test.

Every pytest on a machine with mtbench loads this module, so it imports nothing of the rest.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from mtbench.gate.gatekeeper import Gatekeeper
    from mtbench.gate.verdicts import GateReport


class InconclusiveWarning(UserWarning):
    """The gate shows no regression, and does not rule one out."""


@dataclass(frozen=True)
class Check:
    """Holds studies against their baselines.

    Attributes:
        root: what relative paths are relative to.
    """

    root: Path

    def __call__(
        self, matrix: str | Path, *, strict: bool = False, extend: int = 0, **given: Any
    ) -> GateReport:
        """Fail the test where a study is not as good as its baseline; train what is missing.

        What is inconclusive warns (``InconclusiveWarning``).

        Args:
            matrix: the study's file, or the folder of that.
            strict: whether what is inconclusive fails.
            extend: further seeds for the cells that are inconclusive, once.
            given: as for ``keeper``.
        """
        __tracebackhide__ = True
        from mtbench.errors import MtbenchError
        from mtbench.gate.document import document, summary
        from mtbench.notebook.values import count
        from mtbench.rendering import render
        from mtbench.rendering.escaping import visible

        refusal = ""
        try:
            further = count("extend", extend) if extend else 0
            report = self.keeper(matrix, **given).check(strict=strict, extend=further)
        except MtbenchError as error:
            refusal = f"mtbench check {matrix}: {error}"
        if refusal:  # outside of the handler, so that pytest shows one failure and not two
            pytest.fail(visible(refusal), pytrace=False)
        if report.failed:
            pytest.fail(f"mtbench check {matrix}\n\n{render(document(report))}", pytrace=False)
        if report.verdict == "inconclusive":
            warnings.warn(InconclusiveWarning(visible(summary(report))), stacklevel=2)
        return report

    def keeper(
        self,
        matrix: str | Path,
        *,
        baseline: str | Path | None = None,
        data: str | Path | None = None,
        store: str | Path = ".mtbench",
        device: str = "auto",
        settings: Mapping[str, Any] | None = None,
        seeds: int | None = None,
        expression: str | None = None,
        plugins: Sequence[str | Path] = (),
        jobs: int | None = None,
        train: bool = True,
    ) -> Gatekeeper:
        """Return what checks the study.

        Args:
            baseline: folder of the baseline; None for that of the matrix.
            data: folder of the data sets; None for ``data.dir`` or ``MTBENCH_DATA``.
            store: where runs are stored.
            device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:1"``.
            settings: dotted keys to values, which every cell takes.
            seeds: how many, in place of the matrix's.
            expression: keeps the cells whose names it fits.
            plugins: plugin files, beside the ``mtbenchfile.py`` next to the matrix.
            jobs: runs at a time; None for as many as the device can take.
            train: whether what is not stored is trained.

        Raises:
            UsageError: if something does not fit.
        """
        from mtbench.cli.options import load_registry
        from mtbench.components.plugin_files import with_file_beside
        from mtbench.devices import choose
        from mtbench.gate.gatekeeper import Gatekeeper
        from mtbench.notebook.arguments import read_overrides
        from mtbench.notebook.values import count
        from mtbench.store import Store
        from mtbench.study.progress import observing

        place = self.root / matrix
        files = with_file_beside((self.root / file for file in plugins), place)
        folder = None if data is None else self.root / data
        return Gatekeeper(
            place,
            load_registry(files),
            Store(self.root / store),
            observing,
            overrides=read_overrides(settings, None, seeds, folder),
            expression=expression,
            device=choose(device),
            jobs=None if jobs is None else count("jobs", jobs),
            plugins=files,
            train=train,
            folder=None if baseline is None else self.root / baseline,
        )


@pytest.fixture
def mtbench_check(request: pytest.FixtureRequest) -> Check:
    """Give a function that fails the test where a study is not as good as its baseline."""
    return Check(request.config.rootpath)
