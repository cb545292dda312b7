import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from mtbench.api import UsageError
from mtbench_builtins.encoders import hub
from mtbench_builtins.encoders.checkpoints import find
from mtbench_builtins.encoders.parameters import MinBertParameters

Folder = Callable[..., Path]

FIND = """
import sys
from mtbench.api import UsageError
from mtbench_builtins.encoders.checkpoints import find
from mtbench_builtins.encoders.parameters import MinBertParameters
try:
    print(find(MinBertParameters(checkpoint=sys.argv[1])))
except UsageError as error:
    print(error)
"""


def find_in_another_process(name: str, cache: Path, **environment: str) -> str:
    """Return what ``find`` says, one line, with settings that the library reads on import."""
    settings = {
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_CACHE": str(cache),
        "NO_PROXY": "*",
        "no_proxy": "*",
    }
    result = subprocess.run(
        [sys.executable, "-c", FIND, name],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)} | settings | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return result.stdout.removesuffix("\n")


def test_offline_is_said_in_one_line(tmp_path: Path) -> None:
    said = find_in_another_process("some/bert", tmp_path, HF_HUB_OFFLINE="1")
    assert said.startswith(
        "checkpoint 'some/bert': it is no folder here, and the Hugging Face Hub could not be"
        " reached ("
    )
    assert "\n" not in said


def test_an_unreachable_hub_is_said_in_one_line(tmp_path: Path) -> None:
    said = find_in_another_process("some/bert", tmp_path, HF_ENDPOINT="http://127.0.0.1:9")
    assert "it is no folder here, and the Hugging Face Hub could not be reached (" in said
    assert "\n" not in said


class NoSuchRepository(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(404)
        self.send_header("X-Error-Code", "RepoNotFound")
        self.end_headers()

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_request(self, *args: object) -> None:
        """Print nothing."""


@pytest.fixture
def empty_hub() -> Iterator[str]:
    """Give the address of a Hub without repositories, on this machine."""
    with HTTPServer(("127.0.0.1", 0), NoSuchRepository) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_an_unknown_repository_is_said_in_one_line(tmp_path: Path, empty_hub: str) -> None:
    said = find_in_another_process("some/bert", tmp_path, HF_ENDPOINT=empty_hub)
    assert said == (
        "checkpoint 'some/bert': it is no folder here, and the Hub has no such repository"
    )


def test_what_can_be_no_repository_is_said() -> None:
    with pytest.raises(UsageError, match="it is no name of a Hub repository either"):
        hub.download("./models/my bert", None)


def test_the_cache_comes_first(
    bert_folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = tmp_path / "cache" / "models--some--bert"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("c0ffee")
    snapshot = repository / "snapshots" / "c0ffee"
    shutil.copytree(bert_folder(), snapshot)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(hub, "download", None)  # not to be called
    checkpoint = find(MinBertParameters(checkpoint="some/bert", revision="main"))
    assert checkpoint is not None
    assert checkpoint.folder == snapshot
    assert hub.cached("some/bert", "v2") is None
    assert hub.cached("not a name", None) is None


class Remote:
    """Stands in for ``snapshot_download``: copies files that are asked for into a cache."""

    def __init__(self, source: Path, cache: Path) -> None:
        self.source, self.cache = source, cache
        self.fetched: list[str] = []

    def __call__(
        self,
        repo_id: str,
        *,
        revision: str | None,
        allow_patterns: list[str],
        local_files_only: bool,
    ) -> str:
        assert (repo_id, revision) == ("some/bert", "v1")
        if local_files_only and not self.cache.exists():
            raise FileNotFoundError(self.cache)
        for name in () if local_files_only else allow_patterns:
            for file in self.source.glob(name):
                place = self.cache / file.relative_to(self.source)
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file, place)
                self.fetched.append(str(file.relative_to(self.source)))
        return str(self.cache)


@pytest.mark.parametrize("pickled", [True, False])
def test_pickled_weights_are_fetched_only_where_there_are_no_others(
    bert_folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pickled: bool
) -> None:
    source = bert_folder(pickled=pickled, pooling="pooling_mode_mean_tokens")
    if not pickled:
        (source / hub.PICKLED).write_text("not to be fetched")
    (source / "tf_model.h5").write_text("not to be fetched")
    declared = ("added_tokens.json", "modules.json", "sentence_bert_config.json")
    for name in (*declared, "special_tokens_map.json"):
        (source / name).write_text("{}")
    remote = Remote(source, tmp_path / "cache")
    monkeypatch.setattr("huggingface_hub.snapshot_download", remote)
    parameters = MinBertParameters(checkpoint="some/bert", revision="v1")
    checkpoint = find(parameters)
    assert checkpoint is not None
    weights = hub.PICKLED if pickled else "model.safetensors"
    assert checkpoint.weights == tmp_path / "cache" / weights
    tokens = {"vocab.txt", "special_tokens_map.json"}
    expected = {"config.json", "1_Pooling/config.json", weights, *tokens, *declared}
    assert set(remote.fetched) == expected
    assert find(parameters) == checkpoint
    assert len(remote.fetched) == len(expected)  # the second time it was all there
