import json
import math
from collections.abc import Callable
from typing import Any

import pytest

from mtbench.store import REQUEST, Damaged, Identity, Request, RunFolder, canonical, run_key
from mtbench.store.records import read_result
from mtbench.system.files import write_json

Make = Callable[..., Any]


def test_damage_is_one_line_that_says_what_next() -> None:
    error = Damaged("0123456789abcdef", "run.json: empty")
    assert str(error) == (
        "run 0123456789ab is damaged: run.json: empty; 'mtbench ablate' trains it anew"
    )
    assert error.reason == "run.json: empty"


@pytest.mark.parametrize(
    ("version", "written"),
    [(None, "written by an older version"), (0, "format 0"), (2, "format 2"), ("1", "format '1'")],
)
def test_a_record_of_another_format_is_refused_in_a_line(
    request_run: Callable[..., RunFolder], version: object, written: str
) -> None:
    run = request_run()
    content = {**run.request().model_dump(), "format": version}
    write_json(run.path / REQUEST, content)
    why = f"run.json: {written}, and this mtbench reads format 1"

    assert (run.record().state, run.record().damage) == ("damaged", why)
    with pytest.raises(Damaged, match=r"'mtbench ablate' trains it anew$"):
        run.request()


@pytest.mark.parametrize("name", Request.model_fields)
def test_a_request_has_all_its_fields(a_request: Make, name: str) -> None:
    fields = a_request().model_dump()
    assert Request.read(fields, REQUEST) == a_request()
    del fields[name]
    told = rf"^run\.json: ({name}: field required|written by an older )"
    with pytest.raises(ValueError, match=told):
        Request.read(fields, REQUEST)


@pytest.mark.parametrize(
    "change", [{"seed": "0"}, {"seed": True}, {"plugins": "x"}, {"config": []}, {"config": {}}]
)
def test_a_field_of_another_type_is_refused(a_request: Make, change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"^run.json: {next(iter(change))}: "):
        Request.read({**a_request().model_dump(), **change}, REQUEST)


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("config/encoder/name", 1, "config: encoder is no table with a name"),
        ("config/tasks/sst", [], "config: tasks.sst is no table with a name"),
        ("config/train/steps", 51, "config is not the one of identity"),
        ("config/combiner/more", 1, None),
        ("config/data", {"fraction": 1.0}, "config is not the one of identity"),
        ("identity/task_order", ["pd"], "identity: task_order and data are not of the tasks"),
        ("identity/data/pd", {"train": "", "dev": ""}, "identity: task_order and data are not"),
        (
            "identity/data/sst",
            {"train": ""},
            "identity: data have other splits",
        ),
        ("identity/config/heads/sst", {"name": "linear"}, "config is not the one of identity"),
    ],
)
def test_the_parts_of_a_request_fit_together(
    run_of_result: RunFolder, path: str, value: object, told: str | None
) -> None:
    fields = run_of_result.request().model_dump()
    *parents, last = path.split("/")
    table: Any = fields
    for parent in parents:
        table = table[parent]
    table[last] = value
    if told is None:
        assert Request.read(fields, REQUEST)
    else:
        with pytest.raises(ValueError, match=rf"^run\.json: {told}"):
            Request.read(fields, REQUEST)


def test_names_may_have_their_distribution_before_them(a_request: Make) -> None:
    fields = a_request().model_dump()
    fields["config"]["encoder"] = {"name": "mtbench:encoder", "rate": math.nan}
    fields["identity"]["config"]["encoder"]["rate"] = math.nan
    assert Request.read(fields, REQUEST).identity.config["encoder"]["name"] == "encoder"


@pytest.mark.parametrize("name", ["ended", "key", "digest", "scores", "overall", "cost", "texts"])
def test_a_result_has_all_its_fields(run_of_result: RunFolder, name: str) -> None:
    fields = run_of_result.result().model_dump()
    assert read_result(fields) == run_of_result.result()
    del fields[name]
    with pytest.raises(ValueError, match=f"^result.json: {name}: field required$"):
        read_result(fields)


@pytest.fixture
def run_of_result(write_stored: Make) -> RunFolder:
    made: RunFolder = write_stored({"sst": ("accuracy", [0, 1], [0, 0])})
    return made


def test_a_time_has_a_zone(run_of_result: RunFolder) -> None:
    fields = run_of_result.result().model_dump()
    for time in ("2026-01-02T03:04:05", "yesterday"):
        with pytest.raises(ValueError, match=r"^result\.json: ended: "):
            read_result({**fields, "ended": time})


def test_an_identity_is_written_in_the_one_way_that_keys_are_made_from(
    an_identity: Make, a_request: Make
) -> None:
    data = {task: {"train": "a", "dev": "b"} for task in ("sst", "pd")}
    config = {**an_identity().config, "tasks": {task: {"name": task} for task in data}}
    identity: Identity = an_identity(config=config, data=data)

    assert identity.text == canonical(json.loads(json.dumps(identity.model_dump())))
    assert a_request(identity=identity, seed=3).key == run_key(identity.text, 3)
    assert identity.without_data(frozenset({"sst"})).data.keys() == {"pd"}
