import re

import pytest

from mtbench.components.entries import build_parameters, build_task
from mtbench.components.registry import Registry
from mtbench.data.layouts import LaidOutTask
from mtbench.data.sources import SOURCES, Source, chosen
from mtbench.errors import UsageError


def test_names_are_told_apart() -> None:
    assert [source.name for source in SOURCES] == ["sst5", "qqp", "stsb"]


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_a_source_is_pinned_to_a_commit(source: Source) -> None:
    assert re.fullmatch("[0-9a-f]{40}", source.revision)
    assert source.terms


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_digests_are_of_files_that_are_fetched(source: Source) -> None:
    assert {*source.sha256} <= {*source.files}
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in source.sha256.values())
    assert source.largest == 64 * 1024 * 1024  # twice what the largest file has


@pytest.mark.parametrize("name", ["qqp", "stsb"])
def test_every_file_of_glue_has_its_digest(name: str) -> None:
    (source,) = chosen((name,))

    assert {*source.sha256} == {*source.files}


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_files_go_where_one_layout_of_the_task_looks(source: Source) -> None:
    entry = Registry.load().find("task", source.task)
    task = build_task(entry, build_parameters(entry, {}, where=""))
    assert isinstance(task, LaidOutTask)
    targets = {*source.files.values()}
    fitting = [
        layout.name
        for layout in task.layouts
        if targets <= {path for paths in layout.files.values() for path in paths}
        and any(path in targets for path in layout.files["train"])
        and any(path in targets for path in layout.files["dev"])
    ]
    assert len(fitting) == 1


def test_without_a_name_all_are_chosen() -> None:
    assert chosen(()) == SOURCES
    assert [source.name for source in chosen(("stsb", "sst5", "stsb"))] == ["stsb", "sst5"]
    with pytest.raises(UsageError, match="unknown data set 'sstb'; did you mean 'stsb'"):
        chosen(("sst5", "sstb"))
