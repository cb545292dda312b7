"""Identity: the one way of writing that keys are made from; plans test what goes into it."""

from mtbench.store import canonical, run_key


def test_a_run_key_is_pinned() -> None:
    assert run_key("x", 0) == ("924145137571d030623610d3f034c0466893873359b00662ef09e8c05bd270a3")


def test_canonical_is_one_way_of_writing() -> None:
    assert canonical({"b": [1.0, None, "é"], "a": {"d": True, "c": 1e-5}}) == (
        '{"a":{"c":1e-05,"d":true},"b":[1.0,null,"\\u00e9"]}'
    )
