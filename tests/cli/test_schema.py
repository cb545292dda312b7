import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

Call = Callable[..., Any]  # of the command line; see conftest


def test_it_prints_a_schema_with_the_plugins_that_are_given(call: Call, trouble: Path) -> None:
    answer = call("schema", "--plugin", trouble)

    schema = json.loads(answer.out)
    assert (answer.code, answer.err) == (0, "")
    Draft202012Validator.check_schema(schema)
    names = [option.get("const") for option in schema["$defs"]["head"]["anyOf"]]
    assert {"linear", "endless"} <= set(names)
