import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

Call = Callable[..., Any]  # of the command line; see conftest


def test_it_prints_a_schema_with_the_plugins_that_are_given(call: Call, trouble: Path) -> None:
    answer = call("schema", "--plugin", trouble)

    schema = json.loads(answer.out)
    assert (answer.code, answer.err) == (0, "")
    Draft202012Validator.check_schema(schema)
    names = [option.get("const") for option in schema["$defs"]["head"]["anyOf"]]
    assert {"linear", "endless"} <= set(names)


def test_a_component_without_a_schema_stops_nothing(
    call: Call, install: Callable[..., Path]
) -> None:
    install(
        "mtbench-fallen",
        """
from mtbench.api import HeadSpec, hookimpl


@hookimpl
def mtbench_heads():
    return [HeadSpec(name="gone", summary="", target="x:X", parameters="nowhere:X")]
""",
    )

    answer = call("schema")

    Draft202012Validator.check_schema(json.loads(answer.out))
    assert answer.code == 0
    assert answer.err == (
        "warning: head 'gone' of mtbench-fallen: ModuleNotFoundError: No module named 'nowhere'; "
        "its parameters are not in the schema\n"
    )


def test_an_editor_that_asks_runs_no_code_of_the_folder(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mtbenchfile.py").write_text("raise SystemExit('it ran')")
    monkeypatch.chdir(tmp_path)

    answer = call("schema")

    assert (answer.code, answer.err) == (0, "")
