"""The plugin for pytest: the fixture ``mtbench_check``, the gate as a test.

Every pytest on a machine with mtbench loads this module, so it imports nothing of the rest.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from mtbench.gate.verdicts import GateReport
    from mtbench.interface import Study


class InconclusiveWarning(UserWarning):
    """The gate shows no regression, and does not rule one out."""


@dataclass(frozen=True)
class StudyCheck:
    """Holds studies against their baselines.

    Attributes:
        root: what relative paths are relative to.
    """

    root: Path

    def __call__(
        self,
        matrix: str | Path,
        *,
        baseline: str | Path | None = None,
        strict: bool = False,
        extend: int = 0,
        train: bool = True,
        jobs: int | None = None,
        **given: Any,
    ) -> GateReport:
        """Fail the test where a study is not as good as its baseline; train what is missing.

        What is inconclusive warns (``InconclusiveWarning``).

        Args:
            matrix: the study's file, or the folder of that.
            baseline, strict, extend, train, jobs: as for ``mtbench.Study.check``.
            given: as for ``mtbench.Study``.
        """
        __tracebackhide__ = True
        from mtbench.errors import MtbenchError
        from mtbench.gate.document import summary
        from mtbench.rendering.escaping import visible

        refusal = ""
        try:
            view = self.study(matrix, **given).check(
                baseline=None if baseline is None else self.root / baseline,
                strict=strict,
                extend=extend,
                train=train,
                jobs=jobs,
            )
        except MtbenchError as error:
            refusal = f"mtbench check {matrix}: {error}"
        if refusal:  # outside of the handler, so that pytest shows one failure and not two
            pytest.fail(visible(refusal), pytrace=False)
        report = view.report
        if report.failed:
            pytest.fail(f"mtbench check {matrix}\n\n{view}", pytrace=False)
        if report.verdict == "inconclusive":
            warnings.warn(InconclusiveWarning(visible(summary(report))), stacklevel=2)
        return report

    def study(
        self,
        matrix: str | Path,
        *,
        data: str | Path | None = None,
        store: str | Path = ".mtbench",
        plugins: str | Path | Sequence[str | Path] = (),
        **given: Any,
    ) -> Study:
        """Return the study, whose paths are relative to the root.

        Raises:
            UsageError: if something does not fit.
        """
        from mtbench.interface import Study
        from mtbench.system.console import warn

        files = [plugins] if isinstance(plugins, str | Path) else plugins
        return Study(
            self.root / matrix,
            data=None if data is None else self.root / data,
            store=self.root / store,
            plugins=[self.root / file for file in files],
            **given,
            warn=warn,
        )


@pytest.fixture
def mtbench_check(request: pytest.FixtureRequest) -> StudyCheck:
    """Give a function that fails the test where a study is not as good as its baseline."""
    return StudyCheck(request.config.rootpath)
