from mtbench.matrix.spellings import dotted, fully_dotted


def test_tables_of_a_step_become_dotted_keys() -> None:
    table = {
        "heads": {"sts": {"name": "linear"}, "pd": {"dropout": 0.3}},
        "train": {"lr": 1, "batch_size": {"sst": 8}},
        "data.fraction": 0.5,
        "encoder": {"mode": "frozen"},
    }

    assert dotted(table) == {
        "heads.sts": {"name": "linear"},
        "heads.pd": {"dropout": 0.3},
        "train.lr": 1,
        "train.batch_size": {"sst": 8},
        "data.fraction": 0.5,
        "encoder": {"mode": "frozen"},
    }
    assert dotted("x") == fully_dotted("x") == "x"


def test_tables_in_parameters_of_a_step_are_laid_leaf_by_leaf() -> None:
    table = {
        "combiner": {"c": 0.5, "weights": {"sst": 1, "deep": {"pd": 2}}, "none": {}},
        "heads": {"sts": {"sizes": {"in": 8}}},
        "encoder": {"name": "minbert", "sizes": {"in": 8}},
        "balancer.weights": {"sst": 1},
        "balancer": {},
    }

    assert dotted(table) == {
        "combiner": {"c": 0.5},
        "combiner.weights.sst": 1,
        "combiner.weights.deep.pd": 2,
        "combiner.none": {},
        "heads.sts.sizes.in": 8,
        "encoder": {"name": "minbert", "sizes": {"in": 8}},
        "balancer.weights": {"sst": 1},
        "balancer": {},
    }


def test_tables_whose_keys_have_dots_stay_whole() -> None:
    table = {
        "encoder": {"rates": {"layer.0": 0.1, "layer.1": 0.2}, "sizes": {"in": 8}},
        "heads": {"sts": {"deep": {"a": {"b.c": 1}}}},
    }

    assert dotted(table) == {
        "encoder": {"rates": {"layer.0": 0.1, "layer.1": 0.2}},
        "encoder.sizes.in": 8,
        "heads.sts": {"deep": {"a": {"b.c": 1}}},
    }


def test_tables_of_axes_become_dotted_keys_to_their_lists() -> None:
    table = {"heads": {"sts": {"dropout": [0.0]}}, "train.lr": [1], "encoder": {"mode": ["a"]}}

    assert fully_dotted(table) == {
        "heads.sts.dropout": [0.0],
        "train.lr": [1],
        "encoder.mode": ["a"],
    }
