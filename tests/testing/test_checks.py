import pytest

from mtbench.components.registry import Registry
from mtbench.errors import UsageError
from mtbench.testing.checks import CheckFailed, Checks, Subject, fail, require, unless_promised


def subject(kind: str, name: str, **parameters: object) -> Subject:
    return Subject.of(Registry.load().find(kind, name), **parameters)


def test_a_subject_is_built_with_its_example() -> None:
    assert subject("balancer", "single").parameters.task == "sst"
    assert subject("balancer", "single", task="pd").parameters.task == "pd"


def test_a_parameter_that_there_is_not() -> None:
    with pytest.raises(UsageError, match=r"head 'linear' of mtl-bench: unknown key 'droput'"):
        subject("head", "linear", droput=0.1)


def test_a_check_is_named_as_its_function() -> None:
    checks = Checks("head")

    @checks("it is a head", inapplicable=unless_promised("symmetric"))
    def is_a_head(of: Subject) -> None: ...

    (made,) = checks.all
    assert (made.kind, made.name, made.meaning) == ("head", "is-a-head", "it is a head")
    assert made.inapplicable(subject("head", "linear")) == "it promises no 'symmetric'"
    assert made.inapplicable(subject("head", "cosine")) is None


def test_a_failure_says_what_was_expected_and_what_came() -> None:
    with pytest.raises(CheckFailed, match=r"^expected one; came two$"):
        fail("one", "two")
    require(True, "one", "two")
    with pytest.raises(CheckFailed, match=r"^expected one; came 2$"):
        require(False, "one", 2)
