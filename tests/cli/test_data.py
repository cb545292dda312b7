import hashlib
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

Call = Callable[..., Any]  # of the command line; see conftest


LIKE_DEV = " (relative paths count from the working directory); did you mean 'ids-sst-dev.csv'?"


def rows(answer: Any) -> dict[tuple[str, str], list[str]]:
    """Return the rows of the first table by task and split."""
    _, _, *lines = answer.out.partition("\n\n")[0].splitlines()
    return {(words[0], words[1]): words[2:] for words in map(str.split, lines)}


def test_without_a_folder_the_made_tasks_are_shown(call: Call) -> None:
    answer = call("data", "status")

    shown = rows(answer)
    assert (answer.code, answer.err) == (0, "")
    assert {task for task, split in shown if split == "train"} == {
        "sample-sst",
        "sample-pd",
        "sample-sts",
    }
    assert shown["sample-pd", "train"][:3] == ["1,200", "-", "-"]
    missing = answer.out
    for task in ("sst", "pd", "sts", "cfimdb"):
        assert shown[task, "train,"][:3] == ["dev,", "test", "-"]
    for way in ("--data DIR", "data.dir", "MTBENCH_DATA"):
        assert way in missing


def test_a_broken_row_is_shown_with_file_and_line(call: Call, tmp_path: Path) -> None:
    (tmp_path / "ids-sst-dev.csv").write_text(
        "\tid\tsentence\tsentiment\n0\ta\tgood\t4\n1\tb\t\t1\n2\tc\tbad\t7\n"
    )

    answer = call("data", "status", "--data", tmp_path)

    words = rows(answer)["sst", "dev"]
    rows_of_dev, published, difference, *balance, left_out, shared, fingerprint, layout = words
    assert layout == "CS224N"
    assert (rows_of_dev, published, difference, left_out) == ("1", "1,101", "-1,100", "2")
    assert shared == "-"
    assert balance == ["0:0.0%", "1:0.0%", "2:0.0%", "3:0.0%", "4:100.0%"]
    assert len(fingerprint) == 12
    left = answer.out.partition("\nrows left out\n")[2].splitlines()
    assert [line.split()[:4] for line in left[2:4]] == [
        ["sst", "dev", "ids-sst-dev.csv", "3"],
        ["sst", "dev", "ids-sst-dev.csv", "4"],
    ]
    assert answer.code == 2  # train is not there, and dev is
    assert answer.err == f"error: sst, train: no file ids-sst-train.csv in {tmp_path}{LIKE_DEV}\n"


def test_the_environment_may_name_the_folder(
    call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "ids-sst-dev.csv").write_text("\tid\tsentence\tsentiment\n0\ta\tgood\t4\n")
    by_option = call("data", "status", "--data", tmp_path)
    monkeypatch.setenv("MTBENCH_DATA", str(tmp_path))

    assert call("data", "status").out == by_option.out


def test_a_broken_plugin_file_stops_nothing(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "no_tasks.py"
    file.write_text("raise RuntimeError('on purpose')\n")

    answer = call("data", "status", "--plugin", file)

    assert answer.code == 0
    assert answer.err == (
        "warning: broken plugin no_tasks (no_tasks.py): RuntimeError: on purpose (no_tasks.py:1)\n"
    )


def test_the_tasks_of_a_matrix(call: Call, tmp_path: Path) -> None:
    (tmp_path / "reviews.csv").write_text(
        "review,stars\n" + "".join(f"film {i},{i % 7}\n" for i in range(40))
    )
    (tmp_path / "study.toml").write_text(
        """
        [base]
        tasks = ["sample-sts", { name = "table", as = "reviews", path = "reviews.csv", \
text = ["review"], target = "stars", classes = 5 }]
        """.replace("\\\n", "")
    )

    answer = call("data", "status", "study.toml")

    shown = rows(answer)
    assert answer.code == 0, answer.err
    assert {task for task, _ in shown} == {"sample-sts", "reviews"}
    assert sum(int(shown["reviews", split][0]) for split in ("train", "dev")) >= 25
    assert "its 'stars' is '6', no class from 0 to 4" in answer.out.partition("rows left out")[2]


# --- what cannot be read ------------------------------------------------------------------------

TABLES = """
[base]
tasks = ["sample-sst", { name = "table", as = "films", path = "{split}.csv", text = "text", \
target = "stars", classes = [1, 2, 3] }]
""".replace("\\\n", "")

FILMS = "text,stars\n" + "".join(f"film {i},{i % 3 + 1}\n" for i in range(9))


def write_films(damaged: str = "", content: bytes | None = b"") -> None:
    """Write the three files of a task, one of them with another content, or not at all."""
    Path("study.toml").write_text(TABLES)
    for split in ("train", "dev", "test"):
        data = content if split == damaged else FILMS.encode()
        if data is not None:
            Path(f"{split}.csv").write_bytes(data)


@pytest.mark.parametrize(
    ("split", "content", "reason"),
    [
        ("train", None, "no file train.csv in "),
        ("train", b"", "is empty: it needs a header line"),
        ("dev", FILMS.encode("utf-16"), "it is UTF-16: save it as UTF-8"),
        ("test", b"review,stars\n", "has no column 'text'"),
        ("test", b"text,stars\n,1\n", "all rows were left out (1)"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_split_that_a_study_needs_and_cannot_read_is_an_error(
    call: Call, split: str, content: bytes | None, reason: str
) -> None:
    write_films(split, content)

    answer = call("data", "status", "study.toml")

    (line,) = answer.err.splitlines()
    assert answer.code == 2
    assert line.startswith(f"error: films, {split}: ")
    assert reason in line
    shown = rows(answer)
    told = line.removeprefix("error: ").replace(f", {split}: ", f" {split} ", 1)
    assert told in [" ".join(row.split()) for row in answer.out.splitlines()]
    assert len(shown) == 6
    assert shown["sample-sst", "train"][0] == "640"


@pytest.mark.parametrize("name", ["x" * 999, "x/" * 2500 + "x"], ids=["name", "path"])
def test_paths_that_no_file_can_have_are_one_line_each(
    call: Call, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    write_films()
    Path("study.toml").write_text(TABLES.replace("{split}.csv", f"{name}.csv"))

    for command in (["data", "status", "study.toml"], ["plan", "study.toml"]):
        answer = call(*command)
        assert answer.code == 2
        (line,) = answer.err.splitlines()
        assert "File name too long" in line
        assert "Traceback" not in line
    folder = call("data", "status", "--data", name)
    assert folder.code == 2
    assert "File name too long" in folder.err.splitlines()[-1]
    monkeypatch.setenv("MTBENCH_DATA", name)
    assert call("data", "status").code in (0, 2)


def test_a_test_split_that_is_not_there_is_no_error(call: Call) -> None:
    for content in (None, b"text,stars\n"):
        write_films("test", content)
        answer = call("data", "status", "study.toml")
        assert (answer.code, answer.err) == (0, "")
        assert rows(answer)["films", "test"][:2] == ["-", "-"]


def test_without_a_matrix_what_is_broken_is_an_error_and_what_is_not_there_is_none(
    call: Call,
) -> None:
    Path("DATA").mkdir()
    for split in ("train", "dev"):
        Path(f"DATA/ids-sst-{split}.csv").write_text("\tid\tsentence\tsentiment\n0\ta\tx\t4\n")
    assert call("data", "status", "--data", "DATA").code == 0

    Path("DATA/ids-sst-train.csv").write_text("\tid\tsentense\tsentiment\n0\ta\tx\t4\n")

    answer = call("data", "status", "--data", "DATA")
    (line,) = answer.err.splitlines()
    assert answer.code == 2
    assert "ids-sst-train.csv has no column 'sentence'; did you mean 'sentense'?" in line
    assert rows(answer)["sst", "dev"][0] == "1"


def test_a_folder_without_data_of_any_task_is_an_error(call: Call, tmp_path: Path) -> None:
    Path("DATA").mkdir()

    empty = call("data", "status", "--data", "DATA")
    gone = call("data", "status", "--data", "DAATA")

    assert (empty.code, gone.code) == (2, 2)
    assert empty.err == "error: --data DATA: the folder has no data of any task\n"
    assert rows(empty)["sample-pd", "train"][0] == "1,200"
    assert gone.err.endswith("'--data': DAATA: there is no such folder; did you mean 'DATA'?\n")


def test_classes_are_shown_by_their_names(call: Call) -> None:
    write_films()

    assert rows(call("data", "status", "study.toml"))["films", "dev"][3:6] == [
        "1:33.3%",
        "2:33.3%",
        "3:33.3%",
    ]


def test_what_is_set_beside_the_matrix_is_read(call: Call) -> None:
    write_films()
    changed = FILMS.replace("text,", "review,")
    Path("train.csv").write_text(changed)
    table = (
        "{ name = 'table', path = 'train.csv', text = 'review', target = 'stars', classes = 5 }"
    )

    answer = call("data", "status", "study.toml", "--set", f"tasks=[{table}]")

    assert (answer.code, answer.err) == (0, "")
    assert ("table", "train") in rows(answer)
    alone = call("data", "status", "--set", "seeds=2")
    assert (alone.code, alone.err) == (2, "error: --set: of which matrix? give it as MATRIX\n")


# --- texts --------------------------------------------------------------------------------------

REVIEWS = """text,label,split
a very long review of a film that goes on and on,1,train
the film was good,0,train
bad,1,train
\u200b\u200b,0,dev
the film was good,1,dev
fine,0,test
"""

STUDY = """
[base]
tasks = [{ name = "table", as = "reviews", path = "reviews.csv", text = ["text"], \
target = "label", classes = 2, split = "split" }]
encoder = ENCODER
""".replace("\\\n", "")


def test_without_its_checkpoint_a_matrix_still_shows_its_data(call: Call) -> None:
    Path("reviews.csv").write_text(REVIEWS, encoding="utf-8")
    Path("study.toml").write_text(
        STUDY.replace("ENCODER", '{ name = "minbert", checkpoint = "./gone" }')
    )

    answer = call("data", "status", "study.toml")

    assert answer.code == 0
    assert rows(answer)["reviews", "train"][0] == "3"
    assert "\ntokens\n" not in answer.out
    assert "checkpoint './gone'" in answer.out.partition("\nnot tokenised\n")[2]


def test_counting_tokens_needs_no_torch(study: Any) -> None:
    matrix = study.given[0]
    script = f"""
import sys
from mtbench.cli import main
sys.argv = ["mtbench", "data", "status", {matrix!r}]
try:
    main()
finally:
    print(sorted({{"torch", "transformers"}} & set(sys.modules)), file=sys.stderr)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert done.stderr == "[]\n"
    assert "\ntokens\n" in done.stdout


# --- fetching, from a Hub on this machine -------------------------------------------------------


class Hub(ThreadingHTTPServer):
    """A Hub that has what a test gives it, and notes what it was asked for."""

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.files = files
        self.asked: list[str] = []


class Answering(BaseHTTPRequestHandler):
    server: Hub

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        found = re.fullmatch(r"/datasets/(.+)/resolve/([0-9a-f]{40})/(.+)", self.path)
        body = self.server.files.get(found[3]) if found else b""
        if found and self.command == "GET":
            self.server.asked.append(f"{found[1]} {found[3]}")
        self.send_response(200 if body is not None else 404)
        body = body or b""
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", f'"{hashlib.sha256(body).hexdigest()}"')
        if found:
            self.send_header("X-Repo-Commit", found[2])
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def hub() -> Iterator[Hub]:
    files = {
        f"{split}.jsonl": f'{{"text": "a {split}", "label": 4}}\n'.encode()
        for split in ("train", "dev", "test")
    }
    with Hub({**files, "README.md": b"more"}) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def from_hub(
    start: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Any]:
    """Give a function that calls ``data fetch`` as a process, with a Hub at an address."""

    def run(address: str, *arguments: object) -> Any:
        monkeypatch.setenv("HF_ENDPOINT", address)
        monkeypatch.setenv("HF_HUB_OFFLINE", "0")
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        return start("data", "fetch", *arguments).finish()

    return run


def test_what_is_fetched_can_be_read(
    from_hub: Callable[..., Any], call: Call, hub: Hub, tmp_path: Path
) -> None:
    address = f"http://127.0.0.1:{hub.server_address[1]}"

    answer = from_hub(address, "sst5", "--to", "data")

    assert answer.code == 0, answer.err
    assert answer.out.splitlines() == [
        "sst5: wrote sst5/train.jsonl, sst5/dev.jsonl, sst5/test.jsonl "
        "(SetFit/sst5 at e51bdcd8cd3a)",
        "sst5: terms: no licence is stated; for research, cite Socher et al., 2013",
    ]
    assert hub.asked == [f"SetFit/sst5 {split}.jsonl" for split in ("train", "dev", "test")]
    assert rows(call("data", "status", "--data", "data"))["sst", "test"][0] == "1"
    again = from_hub(address, "sst5", "--to", "data")
    assert again.out.startswith("sst5: wrote nothing (SetFit/sst5 at e51bdcd8cd3a); kept sst5/tr")
    assert "not as published" not in again.out


def test_a_file_that_was_changed_after_it_was_fetched_is_told(
    from_hub: Callable[..., Any], call: Call, hub: Hub
) -> None:
    address = f"http://127.0.0.1:{hub.server_address[1]}"
    from_hub(address, "sst5", "--to", "data")
    with Path("data/sst5/dev.jsonl").open("a") as stream:
        stream.write('{"text": "one more", "label": 0}\n')

    again = from_hub(address, "sst5", "--to", "data")
    answer = call("data", "status", "--data", "data")

    assert "(--force overwrites); not as published: sst5/dev.jsonl" in again.out
    shown = answer.out.partition("\nnot as published\n")[2].splitlines()
    assert [line.split() for line in shown[2:]] == [["sst5", "sst5/dev.jsonl"]]


def test_a_file_that_is_larger_than_expected_is_not_even_asked_for(
    from_hub: Callable[..., Any], hub: Hub
) -> None:
    hub.files["train.jsonl"] = b"x" * (64 * 1024 * 1024 + 1)

    answer = from_hub(f"http://127.0.0.1:{hub.server_address[1]}", "sst5", "--to", "data")

    assert answer.code == 2
    assert "is of 67,108,865 bytes, where 67,108,864 are expected at most" in answer.err
    assert hub.asked == []


def test_without_a_network_every_data_set_that_is_not_there_is_told(
    from_hub: Callable[..., Any], tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    for name in ("train", "validation"):
        (folder / "qqp").mkdir(parents=True, exist_ok=True)
        (folder / f"qqp/{name}-00000-of-00001.parquet").touch()
    (folder / "stsb").mkdir()
    (folder / "stsb/train-00000-of-00001.parquet").touch()

    with socket.socket() as taken:  # bound, and nobody listens
        taken.bind(("127.0.0.1", 0))
        answer = from_hub(f"http://127.0.0.1:{taken.getsockname()[1]}", "--to", folder)

    missing = "stsb/validation-00000-of-00001.parquet"
    first, second = answer.err.splitlines()
    assert answer.code == 2
    assert answer.out.startswith("qqp: wrote nothing")
    assert "not as published: qqp/train-00000-of-00001.parquet, qqp/validation-" in answer.out
    assert first.startswith("error: sst5: train.jsonl of SetFit/sst5 at e51bdcd8cd3a was tried,")
    assert second.startswith(f"error: stsb: {missing} of nyu-mll/glue at bcdcba79d07b was tried,")
    assert second.endswith(f"on a machine with a network, put {missing} to {folder / missing}")
