from dataclasses import FrozenInstanceError

import pytest

from mtbench.specs import (
    KINDS,
    BalancerSpec,
    CombinerSpec,
    Component,
    EncoderSpec,
    HeadSpec,
    TaskSpec,
    resolve,
)


def test_resolve_imports_what_a_target_names() -> None:
    assert resolve("mtbench.specs:HeadSpec") is HeadSpec


def test_resolve_takes_the_thing_itself() -> None:
    assert resolve(HeadSpec) is HeadSpec


@pytest.mark.parametrize("text", ["mtbench.specs", "mtbench.specs:", ":HeadSpec", "", ":"])
def test_a_target_names_a_module_and_something_in_it(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not of the form 'package\.module:Name'"):
        resolve(text)


def test_a_module_that_is_not_there() -> None:
    with pytest.raises(ImportError, match=r"mtbench\.nowhere"):
        resolve("mtbench.nowhere:HeadSpec")


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(AttributeError, match="NoSpec"):
        resolve("mtbench.specs:NoSpec")


def test_the_kinds() -> None:
    assert dict(KINDS) == {
        "task": TaskSpec,
        "encoder": EncoderSpec,
        "head": HeadSpec,
        "balancer": BalancerSpec,
        "combiner": CombinerSpec,
    }


def test_a_spec_says_only_what_is_not_the_rule() -> None:
    spec = HeadSpec(name="linear", summary="a projection", target="package.module:Linear")
    assert (spec.parameters, spec.paper, spec.output, spec.rejects) == (None, "", "task", None)
    encoder = EncoderSpec(name="bert", summary="", target="m:E", tokenizer="m:T")
    assert encoder.fingerprint is None
    assert encoder.locations == encoder.shipped == frozenset()


def test_a_spec_does_not_change() -> None:
    spec = CombinerSpec(name="sum", summary="", target="package.module:Sum", needs="losses")
    with pytest.raises(FrozenInstanceError):
        spec.name = "mean"  # type: ignore[misc]


def test_fields_are_given_by_name() -> None:
    with pytest.raises(TypeError, match="positional"):
        TaskSpec("sst", "sentiment", "package.module:Sst")  # type: ignore[misc]


def test_components_share_no_parameters() -> None:
    one, other = Component("sum"), Component("sum")
    assert one == other
    assert one.parameters is not other.parameters
