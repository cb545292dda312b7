import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mtbench.comparison.dev_texts import dev_texts
from mtbench.errors import PluginError
from mtbench.evidence.outcomes import predictions
from mtbench.store import REQUEST
from mtbench.system.files import write_json

FILE = "\tid\tsentence\tsentiment\n" + "".join(
    f"{i}\tid{i}\ttext {i}\t{i % 5}\n" for i in range(6)
)
DEV = "ids-sst-dev.csv"


def test_the_sentences_are_those_of_the_predictions(trained: Callable[..., Any]) -> None:
    folder = trained()

    texts, unread = dev_texts(folder)

    assert unread == {}
    for task, predicted in predictions(folder).items():
        assert sorted(texts[task]) == predicted.ids.tolist()
    assert all(len(sentences) == 2 for sentences in texts["sts"].values())


@pytest.fixture
def run(tmp_path: Path, request_run: Callable[..., Any]) -> Any:
    """The request of a run whose one task lies in the data folder."""
    for split in ("train", "dev"):
        (tmp_path / f"ids-sst-{split}.csv").write_text(FILE)
    return request_run({"tasks": ["sst"], "data.dir": str(tmp_path)})


def test_data_that_are_gone_have_their_reason(run: Any, tmp_path: Path) -> None:
    assert len(dev_texts(run)[0]["sst"]) == 6
    (tmp_path / DEV).unlink()

    texts, unread = dev_texts(run)

    assert texts == {}
    assert DEV in unread["sst"]


def test_data_that_have_changed_are_not_shown(run: Any, tmp_path: Path) -> None:
    (tmp_path / DEV).write_text(FILE.replace("text 0", "another text"))
    assert dev_texts(run) == (
        {},
        {"sst": f"dev has changed since run {run.key[:12]} was trained"},
    )


def test_data_may_lie_elsewhere_by_now(run: Any, tmp_path: Path) -> None:
    (tmp_path / "moved").mkdir()
    (tmp_path / DEV).rename(tmp_path / "moved" / DEV)
    assert len(dev_texts(run, tmp_path / "moved")[0]["sst"]) == 6


def test_an_encoder_that_is_gone_hides_no_sentence(run: Any) -> None:
    request = json.loads((run.path / REQUEST).read_text())
    request["config"]["encoder"]["name"] = "of-a-plugin-that-is-gone"
    write_json(run.path / REQUEST, request)
    assert len(dev_texts(run)[0]["sst"]) == 6


def test_a_run_that_knows_no_data_shows_no_sentence(run: Any) -> None:
    request = json.loads((run.path / REQUEST).read_text())
    request["identity"]["data"] = {}
    write_json(run.path / REQUEST, request)
    assert dev_texts(run)[1]["sst"].startswith("dev has changed since run ")


@pytest.mark.usefixtures("new_modules")
def test_a_plugin_file_of_a_task_is_asked_for(run: Any, tmp_path: Path) -> None:
    file = tmp_path / "films.py"
    file.write_text("raise SystemExit('it ran')")
    request = json.loads((run.path / REQUEST).read_text()) | {"plugins": [str(file)]}
    for part in ("encoder", "tasks.sst"):
        write_json(run.path / REQUEST, {**request, "providers": {part: file.name}})
        texts, unread = dev_texts(run)
        assert ("sst" in texts) == (part == "encoder")
    assert unread["sst"].startswith(f"run {run.key[:12]} was trained with the plugin file {file}:")
    assert "--plugin FILE" in unread["sst"]
    request["config"]["tasks"]["sst"]["name"] = "films"
    write_json(run.path / REQUEST, {**request, "providers": {"tasks.sst": file.name}})
    with pytest.raises(PluginError, match="it ran"):
        dev_texts(run, plugins=[file])


MISSING = """
from pathlib import Path

from mtbench.api import TaskInfo, TaskSpec, hookimpl


class Films:
    def __init__(self, parameters):
        pass

    def describe(self):
        return TaskInfo(sentences=1, loss="cross-entropy", metrics=("accuracy",), classes=5)

    def load(self, split, folder, *, with_labels=True):
        Path(__file__).with_name("gone").read_text()


@hookimpl
def mtbench_tasks():
    return [TaskSpec(name="films", summary="", target=Films)]
"""


@pytest.mark.usefixtures("new_modules")
def test_data_that_a_strangers_task_does_not_find_are_the_reason(run: Any, tmp_path: Path) -> None:
    file = tmp_path / "films.py"
    file.write_text(MISSING)
    request = json.loads((run.path / REQUEST).read_text()) | {"plugins": [str(file)]}
    request["config"]["tasks"]["sst"] = {"name": "films"}
    write_json(run.path / REQUEST, {**request, "providers": {"tasks.sst": file.name}})

    texts, unread = dev_texts(run, plugins=[file])

    assert "sst" not in texts
    assert "task 'films' of films.py: load raised FileNotFoundError" in unread["sst"]


def test_a_task_that_is_known_no_more_is_the_reason(run: Any) -> None:
    request = json.loads((run.path / REQUEST).read_text())
    request["config"]["tasks"]["sst"]["name"] = "of-a-plugin-that-is-gone"
    write_json(run.path / REQUEST, request)
    texts, unread = dev_texts(run)
    assert (texts, list(unread)) == ({}, ["sst"])
    assert "of-a-plugin-that-is-gone" in unread["sst"]


def test_the_real_dev_sets_are_read(cs224n: Path, request_run: Callable[..., Any]) -> None:
    folder = request_run({"tasks": ["sst", "sts"], "data.dir": str(cs224n)})
    texts, unread = dev_texts(folder)
    assert unread == {}
    assert {task: len(found) for task, found in texts.items()} == {"sst": 1101, "sts": 863}
