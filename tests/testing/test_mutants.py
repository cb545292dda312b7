"""Every check catches components that are broken in just that way, and lets sound ones pass.

The tables are in ``mutants``, one a kind: a plugin file that is sound, and what is replaced in it.
"""

import runpy
from pathlib import Path

import pytest

from mtbench.components.entries import Entry, Provider
from mtbench.components.plugin_files import import_file, make_importable
from mtbench.specs import KINDS
from mtbench.testing.checks import Subject
from mtbench.testing.conformance import CHECKS, Outcome, outcome_of

TABLES = {
    kind: runpy.run_path(str(Path(__file__).with_name("mutants") / f"{kind}.py")) for kind in KINDS
}
MUTANTS = [(kind, title) for kind, table in TABLES.items() for title in table["MUTANTS"]]
VARIANTS = [(kind, title) for kind, table in TABLES.items() for title in table["VARIANTS"]]

NEEDS_A_GPU = {"moves-to-a-gpu"}


class Bench:
    """A folder in which a plugin file is written, and checked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def outcomes(self, kind: str, patches: list[tuple[str, str]], *names: str) -> list[Outcome]:
        """Return what comes of a kind's checks where some parts of the sound file are replaced."""
        source = TABLES[kind]["SOUND"]
        for old, new in patches:
            assert source.count(old) == 1, f"{source.count(old)} of {old!r}"
            source = source.replace(old, new)
        file = self.folder / "mutant.py"
        file.write_text(source)
        for name, text in TABLES[kind].get("DATA", {}).items():
            (self.folder / name).write_text(text)
        make_importable([file])
        [spec] = getattr(import_file(file), f"mtbench_{kind}s")()
        entry = Entry(spec, Provider(file.name, "", file.stem))
        subject = Subject.of(entry, folder=self.folder)
        return [outcome_of(c, subject) for c in CHECKS[kind] if not names or c.name in names]


@pytest.fixture
def bench(tmp_path: Path, new_modules: None) -> Bench:
    return Bench(tmp_path)


@pytest.mark.parametrize(("kind", "title"), MUTANTS)
def test_a_mutant_fails_its_check(bench: Bench, kind: str, title: str) -> None:
    name, message, patches = TABLES[kind]["MUTANTS"][title]
    [outcome] = bench.outcomes(kind, patches, name)
    assert (outcome.status, message in outcome.message) == ("failed", True), outcome.message


@pytest.mark.parametrize(
    ("kind", "title"), [*VARIANTS, *((kind, "as it stands") for kind in KINDS)]
)
def test_what_is_sound_passes(bench: Bench, kind: str, title: str) -> None:
    outcomes = bench.outcomes(kind, TABLES[kind]["VARIANTS"].get(title, []))
    assert [o for o in outcomes if o.status not in ("passed", "not applicable")] == []


@pytest.mark.parametrize("kind", KINDS)
def test_every_check_catches_a_mutant(kind: str) -> None:
    caught = {name for name, _, _ in TABLES[kind]["MUTANTS"].values()}
    assert {check.name for check in CHECKS[kind]} - caught <= NEEDS_A_GPU
