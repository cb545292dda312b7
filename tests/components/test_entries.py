import math
import re
from asyncio import CancelledError
from collections.abc import Callable
from pathlib import Path

import pytest

from mtbench.api import HeadParameters, Parameters
from mtbench.components.entries import (
    Entry,
    Provider,
    build_parameters,
    calling,
    label,
    load_target,
    make,
    parameter_model,
)
from mtbench.components.model_schema import model_schema
from mtbench.components.registry import Registry
from mtbench.errors import PluginError, UsageError, users_mistakes
from mtbench.specs import CombinerSpec, EncoderSpec, HeadSpec, TaskSpec

FAKE = Provider("fake", "1.0", "fake")


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("no_such_module:X", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("json:no_such_name", "AttributeError: module 'json' has no attribute 'no_such_name'"),
        ("json", "ValueError: 'json' is not of the form 'package.module:Name'"),
        ("raises:X", "KeyError: 'HOME'"),
        ("unsound:X", "SyntaxError: invalid syntax"),
    ],
)
def test_a_target_that_cannot_be_imported(
    install: Callable[..., Path], target: str, reason: str
) -> None:
    install("raises", "raise KeyError('HOME')")
    install("unsound", "=")
    entry = Entry(HeadSpec(name="tall", summary="", target=target), FAKE)

    with pytest.raises(PluginError) as caught:
        load_target(entry, entry.spec.target)

    assert str(caught.value).startswith(f"head 'tall' of fake: {reason}")
    assert caught.value.__cause__ is not None


class Sized(Parameters):
    size: int = 3


class Deep(HeadParameters):
    depth: int = 1


def test_the_parameter_model() -> None:
    bare = Entry(HeadSpec(name="a", summary="", target="x:X"), FAKE)
    deep = Entry(HeadSpec(name="a", summary="", target="x:X", parameters=Deep), FAKE)
    task = Entry(TaskSpec(name="a", summary="", target="x:X"), FAKE)
    sized = Entry(TaskSpec(name="a", summary="", target="x:X", parameters=Sized), FAKE)

    assert [parameter_model(entry) for entry in (bare, deep, task, sized)] == [
        HeadParameters,
        Deep,
        Parameters,
        Sized,
    ]


class Named(Parameters):
    name: str = "a"


@pytest.mark.parametrize("model", ["json:loads", Sized(), dict])
def test_parameters_that_are_no_model(model: object) -> None:
    spec = CombinerSpec(name="mean", summary="", target="x:X", needs="losses", parameters=model)

    with pytest.raises(PluginError, match="combiner 'mean' of fake: its parameters are no Para"):
        parameter_model(Entry(spec, FAKE))


def test_parameters_of_a_head_are_those_of_a_head() -> None:
    entry = Entry(HeadSpec(name="a", summary="", target="x:X", parameters=Sized), FAKE)

    with pytest.raises(PluginError, match="its parameters are no HeadParameters"):
        parameter_model(entry)


def test_a_parameter_cannot_be_called_name() -> None:
    """A matrix writes the component's own name there."""
    entry = Entry(TaskSpec(name="a", summary="", target="x:X", parameters=Named), FAKE)

    with pytest.raises(PluginError, match="task 'a' of fake: a parameter cannot be called 'name'"):
        parameter_model(entry)


def test_parameters_are_filled_in_and_checked() -> None:
    entry = Entry(TaskSpec(name="a", summary="", target="x:X", parameters=Sized), FAKE)

    assert build_parameters(entry, {}, where="tasks") == Sized(size=3)
    assert build_parameters(entry, {"size": 5}, where="tasks") == Sized(size=5)
    with pytest.raises(UsageError, match=r"^tasks: unknown key 'sise'; did you mean 'size'\?"):
        build_parameters(entry, {"sise": 5}, where="tasks")


def test_label() -> None:
    entry = Registry.load().find("encoder", "minbert")

    assert label(entry) == "encoder 'minbert' of mtl-bench"


# --- what a component raises ------------------------------------------------------------------

TALL = Entry(HeadSpec(name="tall", summary="", target=dict), FAKE)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (KeyError("sst"), "head 'tall' of fake: rejects raised KeyError: 'sst'"),
        (SystemExit(3), "head 'tall' of fake: rejects raised SystemExit: 3"),
        (StopIteration(), "head 'tall' of fake: rejects raised StopIteration"),
        (CancelledError(), "head 'tall' of fake: rejects raised CancelledError"),
    ],
    ids=repr,
)
def test_what_a_component_raises_names_it(error: BaseException, message: str) -> None:
    with pytest.raises(PluginError) as caught, calling(TALL, "rejects"):
        raise error

    assert str(caught.value) == message
    assert caught.value.__cause__ is error


def test_memory_that_is_not_to_be_had_names_no_component() -> None:
    with pytest.raises(MemoryError), calling(TALL):
        bytearray(1 << 60)


@pytest.mark.parametrize("error", [PluginError("it is gone"), KeyboardInterrupt()], ids=repr)
def test_what_explains_itself_passes(error: BaseException) -> None:
    with pytest.raises(type(error)) as caught, calling(TALL, "rejects"):
        raise error

    assert caught.value is error


def test_a_mistake_is_the_users_only_where_the_user_gave_something() -> None:
    error = UsageError("no folder")
    told = r"^head 'tall' of fake: rejects raised UsageError: no folder"
    with pytest.raises(PluginError, match=told), calling(TALL, "rejects"):
        raise error
    with pytest.raises(UsageError) as caught, calling(TALL, "load"), users_mistakes():
        raise error

    assert caught.value is error


class NotThere:
    def __init__(self, *_: object) -> None:
        raise UsageError("checkpoint 'x' is nowhere")


def test_a_constructor_may_call_a_checkpoint_the_users_mistake() -> None:
    encoder = EncoderSpec(name="big", summary="", target=NotThere, tokenizer="x:X")
    head = HeadSpec(name="tall", summary="", target=NotThere)

    with pytest.raises(UsageError, match=r"^checkpoint 'x' is nowhere$"):
        make(Entry(encoder, FAKE), {})
    with pytest.raises(
        PluginError, match=r"its constructor raised UsageError: checkp.*test_entries"
    ):
        make(Entry(head, FAKE), {})


def test_a_component_is_made() -> None:
    assert make(TALL, {"a": 1}) == {"a": 1}
    with pytest.raises(PluginError, match=r"^head 'tall' of fake: its constructor raised TypeEr"):
        make(TALL, 1, 2)


ENTRIES = Registry.load().entries


@pytest.mark.parametrize("value", [True, math.nan], ids=str)
@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.spec.name)
def test_no_parameter_takes_a_boolean_or_nan_for_a_number(entry: Entry, value: object) -> None:
    fields = model_schema(parameter_model(entry)).get("properties", {})
    numbers = [name for name, field in fields.items() if re.search("number|integer", str(field))]
    for name in numbers:
        with pytest.raises(UsageError, match=rf"here: {name}.*given: {value}"):
            build_parameters(entry, {**entry.spec.example, name: value}, where="here")
