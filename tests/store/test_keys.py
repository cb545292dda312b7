from mtbench.store.keys import canonical, digest_without, run_key


def test_a_value_is_written_in_one_way() -> None:
    assert canonical({"b": [1.5, None], "a": "é"}) == '{"a":"\\u00e9","b":[1.5,null]}'


def test_a_key_has_the_seed() -> None:
    assert run_key("{}", 0) == "ac7207a129cd4ad8d86cca68b10eb389aa93e5b27f8c1a8741575fa37a135bd9"
    assert run_key("{}", 0) != run_key("{}", 1)


def test_a_digest_leaves_out_its_own_place() -> None:
    assert digest_without({"a": 1, "digest": "x"}, "digest") == digest_without({"a": 1}, "digest")
    assert digest_without({"a": 1}, "digest") != digest_without({"a": 1.5}, "digest")
