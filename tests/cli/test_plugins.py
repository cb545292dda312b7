import io
import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

Call = Callable[..., Any]  # of the command line; see conftest

MISSPELT = """
from mtbench.api import hookimpl

@hookimpl
def mtbench_head():
    return []
"""


def test_list_shows_what_every_plugin_brings(call: Call) -> None:
    answer = call("plugins", "list", "--format", "json")

    value = json.loads(answer.out)
    assert (answer.code, answer.err, value["broken"]) == (0, "", [])
    brought = {(each["kind"], each["name"]) for each in value["components"]}
    assert {
        ("task", "sst"),
        ("task", "sample-sts"),
        ("encoder", "minbert"),
        ("encoder", "tiny"),
        ("head", "relu-cosine"),
        ("balancer", "cycle"),
        ("combiner", "pcgrad"),
    } <= brought
    kinds = ["task", "encoder", "head", "balancer", "combiner"]
    assert value["components"] == sorted(
        value["components"], key=lambda each: (kinds.index(each["kind"]), each["name"])
    )
    listed = call("plugins", "list").out
    for each in value["components"]:
        assert each["name"] in listed
        assert each["summary"] in listed


def test_list_shows_a_broken_plugin_and_what_is_wrong(
    call: Call, install: Callable[..., Path]
) -> None:
    install("mtbench-misspelt", MISSPELT, version="2.1")
    install("mtbench-fallen", "import a_module_that_is_nowhere\n")

    answer = call("plugins", "list")
    broken = json.loads(call("plugins", "list", "--format", "json").out)["broken"]

    fallen, misspelt = broken
    assert answer.code == 0
    assert fallen == {
        "distribution": "mtbench-fallen",
        "version": "1.0",
        "module": "mtbench_fallen",
        "hook": "",
        "reason": "ModuleNotFoundError: No module named 'a_module_that_is_nowhere' "
        "(mtbench_fallen.py:1)",
    }
    assert misspelt == {
        "distribution": "mtbench-misspelt",
        "version": "2.1",
        "module": "mtbench_misspelt",
        "hook": "mtbench_head",
        "reason": "there is no such hook; did you mean mtbench_heads?",
    }
    for text in (*fallen.values(), *misspelt.values()):
        assert text in answer.out.partition("\nbroken\n")[2]


def test_what_does_not_need_a_broken_plugin_works(
    call: Call, install: Callable[..., Path], study: Any
) -> None:
    install("mtbench-fallen", "import a_module_that_is_nowhere\n")

    answer = call("plan", *study.given)

    assert answer.code == 0
    assert answer.err.startswith("warning: broken plugin mtbench_fallen (mtbench-fallen 1.0): ")


def test_what_needs_a_broken_plugin_says_so(
    call: Call, install: Callable[..., Path], study: Any
) -> None:
    install("mtbench-fallen", "import a_module_that_is_nowhere\n")

    answer = call("plan", *study.given, "--set", "heads.sts=fallen")
    shown = call("plugins", "show", "fallen")

    assert answer.code == shown.code == 6
    warning, error = answer.err.splitlines()
    reason = "No module named 'a_module_that_is_nowhere' (mtbench_fallen.py:1)"
    assert error.startswith("error: unknown head 'fallen' ")
    assert error.endswith("may have brought it: mtbench_fallen (mtbench-fallen 1.0)")
    assert warning.endswith(reason)  # which is told once
    assert shown.err.endswith(
        f"mtbench_fallen (mtbench-fallen 1.0): ModuleNotFoundError: {reason}\n"
    )


def test_a_file_is_a_plugin(call: Call, trouble: Path) -> None:
    listed = json.loads(call("plugins", "list", "--plugin", trouble, "--format", "json").out)
    sys.modules.pop("trouble_heads")
    shown = call("plugins", "show", "endless", "--plugin", trouble)

    mine = [c["name"] for c in listed["components"] if c["distribution"] == "trouble_heads.py"]
    assert mine == ["endless", "not-a-number"]
    assert shown.code == 0
    assert shown.out.startswith("head endless: never ends\n  from trouble_heads.py (trou")


@pytest.mark.parametrize("name", ["pcgrad", "combiner:pcgrad", "mtl-bench/pcgrad"])
def test_show_tells_all_of_one(call: Call, name: str) -> None:
    answer = call("plugins", "show", name)
    (entry,) = json.loads(call("plugins", "show", name, "--format", "json").out)

    assert answer.code == 0
    assert answer.out.startswith(f"combiner pcgrad: {entry['summary']}\n  from mtl-bench ")
    assert entry["paper"] in answer.out
    assert '\n  in a matrix: combiner = "pcgrad"\n' in answer.out
    assert "\n  needs: gramian\n" in answer.out


def test_show_tells_what_a_spec_says_of_itself(call: Call, install: Callable[..., Path]) -> None:
    install(
        "mtbench-said",
        """
from mtbench.api import CombinerSpec, HeadSpec, hookimpl


@hookimpl
def mtbench_heads():
    return [HeadSpec(name="said", summary="a head", target="x:X", output="unit",
                     promises=frozenset({"symmetric"}))]


@hookimpl
def mtbench_combiners():
    return [CombinerSpec(name="said", summary="a mean", target="x:X", needs="losses", api=0,
                         observes=True, expected_failures={"differs-from-sum": "by design"})]
""",
    )

    answer = call("plugins", "show", "said")
    records = json.loads(call("plugins", "show", "said", "--format", "json").out)

    assert [record["kind"] for record in records] == ["combiner", "head"]
    assert "\n  output: unit\n  promises: symmetric\n  in a matrix: " in answer.out
    assert (
        "\n  api: 0\n  needs: losses, observes each update"
        "\n  expected to fail: differs-from-sum (by design)\n  in a matrix: " in answer.out
    )


def names_of(table: str) -> list[str]:
    """Return the first column; what goes on in the next line begins with a space."""
    return [line.split()[0] for line in table.splitlines()[2:] if not line.startswith(" ")]


def test_show_lists_the_parameters(call: Call) -> None:
    answer = call("plugins", "show", "head:linear")

    _, table = answer.out.split("\nparameters\n")
    assert names_of(table) == ["pooling", "pair", "dropout"]


def test_show_lists_what_tiny_takes(call: Call) -> None:
    answer = call("plugins", "show", "tiny")

    assert answer.code == 0
    assert answer.out.startswith("encoder tiny: a small BERT, pre-trained, ")
    _, table = answer.out.split("\nparameters\n")
    assert names_of(table) == ["mode", "dropout", "max_tokens"]


def test_show_knows_the_nearest_name(call: Call) -> None:
    answer = call("plugins", "show", "pcgrd")

    assert answer.code == 2
    assert answer.err.startswith("error: unknown component 'pcgrd'; did you mean 'pcgrad'? (known")


def test_new_writes_a_plugin_and_says_what_is_next(call: Call, tmp_path: Path) -> None:
    answer = call("plugins", "new", "head", "tall", "--dir", tmp_path / "mine")

    assert (answer.code, answer.err) == (0, "")
    *written, following = answer.out.splitlines()
    files = {Path(line.removeprefix("wrote ")) for line in written}
    assert files == {path for path in (tmp_path / "mine").rglob("*") if path.is_file()}
    place = tmp_path / "mine"
    assert following == f"next: pip install -e {place}; see {place / 'README.md'}"


def test_new_of_an_unknown_kind(call: Call, tmp_path: Path) -> None:
    answer = call("plugins", "new", "hed", "tall", "--dir", tmp_path)

    assert answer.code == 2
    assert answer.err.startswith("error: unknown kind 'hed'; did you mean 'head'?")


TWINS = """
import torch

from mtbench.api import CombinerSpec, HeadSpec, HeadParameters, Parameters, hookimpl


class Twin(torch.nn.Module):
    def __init__(self, width, task, parameters):
        super().__init__()
        self.task = task
        self.project = torch.nn.Linear(width * task.embeddings(parameters.pair), task.outputs)

    def forward(self, *embeddings):
        outputs = self.project(torch.cat(embeddings, dim=1))
        return outputs if self.task.loss == "cross-entropy" else outputs.squeeze(1)


class Scaled(Parameters):
    scale: float = 1.0


class Scale:
    def __init__(self, parameters):
        self.scale = parameters.scale

    def combine(self, x):
        return x.losses.flip(0) * self.scale


@hookimpl
def mtbench_heads():
    return [HeadSpec(name="twin", summary="a head", target=Twin)]


@hookimpl
def mtbench_combiners():
    spec = CombinerSpec(
        name="twin", summary="a combiner", target=Scale, parameters=Scaled, needs="losses"
    )
    return [spec]
"""


@pytest.fixture
def twins(tmp_path: Path) -> Iterator[Path]:
    file = tmp_path / "twins_of_a_test.py"
    file.write_text(TWINS)
    yield file
    sys.modules.pop(file.stem, None)


def test_check_prints_every_check_and_ends_well(call: Call) -> None:
    answer = call("plugins", "check", "sum")

    assert (answer.code, answer.err) == (0, "")
    title, header, *_ = answer.out.splitlines()
    assert title == "combiner 'sum' of mtl-bench"
    assert header.split() == ["check", "meaning", "outcome", "message"]
    *_, last = answer.out.splitlines()
    assert re.fullmatch(r"\d+ passed, 0 failed, 1 expected failure, \d+ not applicable", last)


def test_check_of_several_kinds_says_what_failed(call: Call, twins: Path) -> None:
    answer = call("plugins", "check", "twin", "--plugin", twins, "--param", "scale=-1")
    assert answer.code == 2
    assert "head 'twin' of twins_of_a_test.py: unknown key 'scale'" in answer.err
    sys.modules.pop(twins.stem)

    answer = call("plugins", "check", "twin", "--plugin", twins, "--format", "json")
    failed = {each["kind"]: each["counts"]["failed"] for each in json.loads(answer.out)}
    assert (answer.code, failed) == (0, {"head": 0, "combiner": 0})


def test_check_with_a_parameter_that_breaks_it(call: Call, twins: Path) -> None:
    answer = call("plugins", "check", "combiner:twin", "--plugin", twins, "--param", "scale=-1")

    assert answer.code == 6
    assert "combiner 'twin' of twins_of_a_test.py\n" in answer.out
    (line,) = [line for line in answer.out.splitlines() if line.startswith("keeps-what-agrees ")]
    assert "failed" in line
    assert "expected a positive multiple of (3, -4, 0); came" in line
    *_, last = answer.out.splitlines()
    assert re.fullmatch(r"\d+ passed, [1-9]\d* failed, \d+ not applicable", last)


def test_check_keeps_what_a_component_prints_out_of_json(start: Call, twins: Path) -> None:
    source = "print('imported')\n" + twins.read_text().replace(
        "        return x.losses", "        print('combined')\n        return x.losses"
    )
    twins.write_text(source)
    answer = start(
        "plugins", "check", "combiner:twin", "--plugin", twins, "--format", "json"
    ).finish()

    (record,) = json.loads(answer.out)
    assert (answer.code, record["counts"]["failed"]) == (0, 0)
    assert {"imported", "combined"} <= set(answer.err.splitlines())


def test_check_shows_on_a_terminal_how_far_it_is(
    call: Call, twins: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "150")
    monkeypatch.setattr(sys, "stderr", terminal)
    answer = call("plugins", "check", "combiner:twin", "--plugin", twins, "--format", "json")

    (record,) = json.loads(answer.out)
    count = len(record["checks"])
    shown = terminal.getvalue()
    assert "combiner 'twin' of twins_of_a_test.py" in shown
    for place, check in enumerate(record["checks"], 1):
        assert re.search(rf"(?<!\d){place}/{count}\b.*{check['check']}: {check['outcome']}", shown)


def test_check_of_what_cannot_be_imported_names_that_once(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "of_nothing.py"
    file.write_text(
        "from mtbench.api import HeadSpec, hookimpl\n\n\n"
        "@hookimpl\ndef mtbench_heads():\n"
        "    return [HeadSpec(name='tall', summary='', target='no_such_module:Tall')]\n"
    )

    answer = call("plugins", "check", "tall", "--plugin", file)

    assert (answer.code, answer.err) == (6, "")
    assert answer.out.count("ModuleNotFoundError: No module named 'no_such_module'") == 1
    assert re.search(r"^0 passed, 1 failed, .*\d+ not run$", answer.out, re.MULTILINE)


def test_check_of_a_file_is_of_all_that_it_brings(call: Call, twins: Path) -> None:
    answer = call("plugins", "check", twins, "--format", "json")
    failed = {each["kind"]: each["counts"]["failed"] for each in json.loads(answer.out)}
    assert (answer.code, failed) == (0, {"head": 0, "combiner": 0})


def test_check_of_a_file_that_brings_nothing(call: Call, tmp_path: Path, trouble: Path) -> None:
    (tmp_path / "empty_of_a_test.py").write_text("")
    (tmp_path / "fallen_of_a_test.py").write_text("import a_module_that_is_nowhere")
    empty = call("plugins", "check", "empty_of_a_test.py")
    fallen = call("plugins", "check", "fallen_of_a_test.py")
    missing = call("plugins", "check", "nowhere_at_all.py")
    sys.modules.pop("empty_of_a_test")

    assert (empty.code, fallen.code, missing.code) == (2, 6, 2)
    assert empty.err.startswith("error: empty_of_a_test.py brings no component: it has no hook")
    assert "No module named 'a_module_that_is_nowhere'" in fallen.err.splitlines()[-1]
    assert missing.err.endswith("nowhere_at_all.py: there is no such file\n")


def test_check_says_how_to_give_a_parameter(call: Call, twins: Path) -> None:
    twins.write_text(twins.read_text().replace("scale: float = 1.0", "scale: float"))
    answer = call("plugins", "check", "combiner:twin", "--plugin", twins)
    assert answer.code == 2
    assert answer.err == (
        "error: combiner 'twin' of twins_of_a_test.py: 'scale' is missing: give it with --param "
        "scale=VALUE (in pytest, with parameters={'scale': VALUE}), or name it in the spec's "
        "example\n"
    )


def test_check_tells_what_was_not_run(call: Call, twins: Path) -> None:
    source = twins.read_text().replace("return x.losses", "os._exit(3)\n        return x")
    twins.write_text(f"import os\n{source}")
    answer = call("plugins", "check", "combiner:twin", "--plugin", twins)
    assert answer.code == 6
    first, *rest = answer.out.splitlines()[3:]
    assert "failed" in first
    assert "expected an answer; came none: the process ended" in first
    assert re.fullmatch(r"0 passed, 1 failed, \d+ not run", rest[-1])


def test_check_knows_the_nearest_name(call: Call) -> None:
    answer = call("plugins", "check", "pcgrd")

    assert answer.code == 2
    assert answer.err.startswith("error: unknown component 'pcgrd'; did you mean 'pcgrad'? (known")
    assert call("plugins", "check", "sum", "--param", "scale").err == (
        "error: --param 'scale': expected KEY=VALUE\n"
    )
