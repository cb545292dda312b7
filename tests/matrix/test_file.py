import math
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from mtbench.components.registry import Registry
from mtbench.errors import UsageError
from mtbench.matrix.configuration import Config
from mtbench.matrix.designs import Choice, NamedCell
from mtbench.matrix.file import (
    Matrix,
    arrange,
    cells,
    read_matrix,
    seeds,
)
from mtbench.matrix.overrides import Overrides
from mtbench.study.resolution import Resolver
from mtbench_builtins.encoders.checkpoints import find
from mtbench_builtins.encoders.parameters import MinBertParameters


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "study.toml"


def read(file: Path, text: str) -> Matrix:
    file.write_text(text, encoding="utf-8")
    return read_matrix(file)


BASE = '[base]\ntasks = ["sst"]\n'
TABLES = tomllib.loads(Path(__file__).with_name("cases.toml").read_text(encoding="utf-8"))
MATRICES, REFUSED = (TABLES.pop(name) for name in ("matrices", "refused"))


# --- a matrix made in Python -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"seeds": True}, "seeds: a boolean is no number (given: True)"),
        ({"seeds": [0, True]}, "seeds.1: a boolean is no number (given: True)"),
        ({"gate": {"tolerance": False}}, "gate.tolerance: a boolean is no number (given: False)"),
        (
            {"include": [{"name": "a", "paper": {"overall": math.nan}}]},
            "include.0.paper.overall\n  Input should be a finite number",
        ),
    ],
)
def test_a_matrix_made_in_python_has_numbers_where_they_belong(
    given: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError, match=re.escape(message)):
        Matrix(base={"tasks": ["sst"]}, **given)


def test_a_matrix_made_in_python_is_one() -> None:
    matrix = Matrix(base={"tasks": ["sst"], "train": {"lr": math.inf}}, seeds=2)
    assert seeds(matrix) == [0, 1]


# --- the file ---------------------------------------------------------------------------------


def test_the_least_that_is_a_matrix(file: Path) -> None:
    matrix = read(file, BASE)

    assert (matrix.title, matrix.design, seeds(matrix)) == ("study", "grid", [0, 1, 2])
    assert read(file, f'title = "My study"\n{BASE}').title == "My study"


def test_a_folder_stands_for_its_matrix_toml(tmp_path: Path) -> None:
    file = tmp_path / "my-study" / "matrix.toml"
    file.parent.mkdir()
    file.write_text(BASE)

    assert read_matrix(file.parent) == read_matrix(file)
    assert read_matrix(file).title == "my-study"


def test_a_file_that_cannot_be_read(file: Path) -> None:
    file.mkdir()
    (file / "matrix.toml").mkdir()

    with pytest.raises(UsageError, match=r"matrix\.toml: cannot be read: .*Is a directory"):
        read_matrix(file)


def test_a_byte_order_mark_is_no_part_of_a_file(file: Path) -> None:
    file.write_text(f"seeds = 2\n{BASE}", encoding="utf-8-sig")

    assert read_matrix(file) == read(file, f"seeds = 2\n{BASE}")


@pytest.mark.parametrize(("message", "text"), REFUSED.items(), ids=REFUSED)
def test_what_is_no_matrix(file: Path, message: str, text: str | list[str]) -> None:
    whole = text if isinstance(text, str) else f"{text[0]}\n{BASE}{text[1]}\n"
    with pytest.raises(UsageError) as caught:
        read(file, whole)
    assert str(caught.value).startswith(f"{file}: {message}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("written", "expected"), [("2", [0, 1]), ("1", [0]), ("[7, 3]", [7, 3]), ("[0]", [0])]
)
def test_seeds(file: Path, written: str, expected: list[int]) -> None:
    matrix = read(file, f"seeds = {written}\n{BASE}")

    assert seeds(matrix) == expected
    assert seeds(matrix, Overrides(seeds=3)) == [0, 1, 2]


@pytest.mark.parametrize("number", [20260801, 10**30])
def test_a_seed_that_stands_where_their_number_does(file: Path, number: int) -> None:
    for written, overrides in (("1", Overrides(seeds=number)), (str(number), Overrides())):
        with pytest.raises(UsageError, match=rf"seeds = \[{number}\] is the one seed"):
            seeds(read(file, f"seeds = {written}\n{BASE}"), overrides)
    assert seeds(read(file, f"seeds = [{number}]\n{BASE}")) == [number]


# --- the cells that matrices make: cases.toml ---------------------------------------------------

OF_CELLS = ("name", "against", "levels", "note", "paper")


def holding(config: Any, key: str) -> Any:
    """Return what a dotted key of a configuration holds; an empty table for nothing."""
    for part in key.split("."):
        config = config.get(part, {})
    return config


@pytest.mark.parametrize(
    ("case", "design"),
    [
        pytest.param(case, design, id=f"{name}-{design}")
        for name, case in TABLES.items()
        for design in case.get("designs", [""])
    ],
)
def test_what_a_matrix_makes(file: Path, case: dict[str, Any], design: str) -> None:
    asked = ("above", "designs", "matrix", "below", "overrides", "error", "remark", "to_come")
    expected = {key: values for key, values in case.items() if key not in asked}
    above = [case.get("above", ""), f'design = "{design}"' if design else ""]
    matrix = read(file, "\n".join([*above, MATRICES[case["matrix"]], case.get("below", "")]))
    overrides = Overrides(**case.get("overrides", {}))
    if "error" in case:
        with pytest.raises(UsageError, match=f"^{re.escape(case['error'])}"):
            arrange(matrix, overrides)
        return
    search = arrange(matrix, overrides)
    remark = case.get("remark", "")
    assert search.remark[: len(remark) or None] == remark
    assert search.to_come == case.get("to_come", search.to_come)
    for key, values in expected.items():
        if key in OF_CELLS:
            assert [getattr(cell, key) for cell in search.cells] == values
        else:
            assert [holding(cell.config, key) for cell in search.cells] == values


def test_axes_are_spelt_with_and_without_quotes(file: Path) -> None:
    bare = 'heads.sts = ["linear"]\n"heads.pd".dropout = [0.0]\ntrain.batch_size.sst = [4]\n'
    quoted = '"heads.sts" = ["linear"]\n"heads.pd.dropout" = [0.0]\n"train.batch_size.sst" = [4]\n'

    for axes in (bare, quoted):
        assert read(file, f"{BASE}[axes]\n{axes}").axes == {
            "heads.sts": ["linear"],
            "heads.pd.dropout": [0.0],
            "train.batch_size.sst": [4],
        }


def test_cells_share_nothing_that_can_change(file: Path) -> None:
    first, second = cells(
        read(file, f'{BASE}[axes]\n"train.batch_size" = [{{ sst = 8 }}]\ncombiner = ["a", "b"]\n')
    )

    first.config["train"]["batch_size"]["sst"] = 1

    assert second.config["train"]["batch_size"] == {"sst": 8}


def test_what_is_set_is_in_the_cells_that_a_search_chooses_among(file: Path) -> None:
    seen: list[Config] = []

    def choose(made: Sequence[NamedCell]) -> Choice:
        seen.extend(cell.config for cell in made)
        return Choice(0)

    matrix = read(file, f'design = "staged"\n{MATRICES["axes"]}')
    arrange(matrix, Overrides(set={"train.dropout": 0.5}), choose)

    assert len(seen) == 5
    assert {config["train"]["dropout"] for config in seen} == {0.5}


def test_a_search_passes_over_what_is_excluded(file: Path) -> None:
    matrix = read(file, f'design = "staged"\n{MATRICES["excluded"]}')

    # The last of the combiners is kept; of the rates behind it one is left out.
    assert [cell.name for cell in cells(matrix, choose=lambda made: Choice(len(made) - 1))] == [
        "combiner=sum, train.lr=0.0001",
        "combiner=pcgrad, train.lr=0.0001",
        "combiner=pcgrad, train.lr=1e-5",
    ]


def test_the_names_of_a_large_search_are_not_counted_out(file: Path) -> None:
    axes = "".join(f"encoder.p{n} = [0, 1, 2, 3, 4, 5, 6, 7]\n" for n in range(20))  # 8**20 cells
    base = f'design = "staged"\n[base]\ntasks = ["sst"]\n[axes]\n{axes}'
    last = ", ".join(f"encoder.p{n}=7" for n in range(20))
    exclude = '[[exclude]]\n"encoder.p3" = 2\n"encoder.p19" = 7\n"encoder.name" = '

    found = arrange(read(file, f'reference = "{last}"\n{base}{exclude}"tiny"\n'))

    assert ({cell.against for cell in found.cells}, found.to_come) == ({last}, 19 * 7)
    with pytest.raises(UsageError, match=r"unknown cell 'x' in reference \(known: .*; \.\.\.\)$"):
        arrange(read(file, f'reference = "x"\n{base}'))
    with pytest.raises(UsageError, match=r"^unknown value 'tyni' in \[\[exclude\]\] encoder.name"):
        arrange(read(file, f'{base}{exclude}"tyni"\n'))


# --- the matrices that mtbench ships ----------------------------------------------------------

# name; paper's sst, pd, sts, overall; heads of pd and sts, dropout; balancer; combiner
PAPER = [
    line.split("; ")
    for line in """
minBERT Baseline; .391 .380 -.009 .254; linear scaled-linear 0; single sst; sum
Increased Dropout; .530 .410 -.043 .299; linear scaled-linear .3; single sst; sum
Cosine Similarity Fine Tuning; .525 .403 .293 .407; linear cosine .3; single sst; sum
Unbalanced Round-Robin; .441 .783 .377 .534; linear cosine .3; round-robin; sum
Gradient Surgery; .455 .779 .421 .552; linear cosine .3; round-robin; pcgrad
Balanced Round-Robin; .490 .774 .668 .644; linear cosine .3; cycle; pcgrad
Modified Cos-Sim + Hyperparams; .493 .776 .692 .654; linear relu-cosine .3; cycle; pcgrad
""".strip().splitlines()
]


def test_the_ladder_of_the_paper(root: Path) -> None:
    made = cells(read_matrix(root / "leaderboards" / "paper"))
    resolver = Resolver(Registry.load())
    resolved = [resolver.resolve(cell.config) for cell in made]

    assert [cell.rejection for cell in resolved] == [None] * 7
    for cell, found, (name, paper, heads_of_pairs, balancer, combiner) in zip(
        made, resolved, PAPER, strict=True
    ):
        pd, sts, dropout = heads_of_pairs.split()
        assert cell.name == name
        scores = zip(("sst", "pd", "sts", "overall"), map(float, paper.split()), strict=True)
        assert cell.paper == dict(scores)
        heads = found.config["heads"]
        of_pairs = float(dropout)
        assert {task: (head["name"], head["dropout"]) for task, head in heads.items()} == {
            "sst": ("linear", 0.3),
            "pd": (pd, of_pairs),
            "sts": (sts, of_pairs),
        }
        assert {head["pair"] for head in heads.values()} == {"separate"}
        assert " ".join(found.config["balancer"].values()) == balancer
        assert found.config["combiner"] == {"name": combiner}
        train = found.config["train"]
        assert (train["lr"], train["decay"], train["warmup"]) == (3e-4, "linear", 0)
        assert (train["dropout"], train["batch_size"]) == (0.3, 8)
        assert (train["epochs"], train["steps"]) == (1, None)
        assert found.config["encoder"]["checkpoint"] == "tiny"
        assert found.config["encoder"]["mode"] == "finetune"


@pytest.mark.parametrize("checkpoint", ["{folder}", "bert-base-uncased"])
def test_the_papers_ladder_takes_another_checkpoint_and_the_papers_own_rate(
    root: Path, tmp_path: Path, checkpoint: str
) -> None:
    given = checkpoint.format(folder=tmp_path)
    matrix = read_matrix(root / "leaderboards" / "paper")
    resolver = Resolver(Registry.load())

    changes = {"encoder.checkpoint": given, "train.lr": 1e-5, "train.decay": "none"}
    made = cells(matrix, Overrides(set=changes))

    found = [resolver.resolve(cell.config).config for cell in made]
    assert [
        (c["encoder"]["checkpoint"], c["train"]["lr"], c["train"]["decay"]) for c in found
    ] == [(given, 1e-5, "none")] * len(PAPER)


def test_the_study_of_tiny_is_the_last_step_of_the_ladder_and_two_changes(root: Path) -> None:
    resolver = Resolver(Registry.load())
    made = cells(read_matrix(root / "leaderboards/tiny"))
    random, tiny, no_dropout = (resolver.resolve(cell.config).config for cell in made)
    ladder = resolver.resolve(cells(read_matrix(root / "leaderboards/paper"))[-1].config).config

    assert tiny == ladder
    shape = find(MinBertParameters(checkpoint="tiny")).shape()
    given = MinBertParameters.model_validate(
        {key: value for key, value in random["encoder"].items() if key != "name"}
    ).shape()
    assert given == {name: getattr(shape, name) for name in given}
    assert {key for key in tiny if tiny[key] != random[key]} == {"encoder"}
    assert {key for key in tiny if tiny[key] != no_dropout[key]} == {"heads"}
    assert no_dropout["heads"]["sts"] == {**tiny["heads"]["sts"], "dropout": 0}


def test_the_papers_overall_is_the_mean_of_its_scores() -> None:
    for _, paper, *_ in PAPER:
        *scores, overall = map(float, paper.split())
        assert sum(scores) / 3 == pytest.approx(overall, abs=0.0011)


def test_the_first_ablation(root: Path) -> None:
    matrix = read_matrix(root / "leaderboards" / "smoke")
    resolver = Resolver(Registry.load())

    made = cells(matrix)

    assert [cell.name for cell in made] == [
        "combiner=sum, heads={sample-pd=linear,sample-sts=linear}",
        "combiner=sum, heads={sample-pd=abs-diff,sample-sts=relu-cosine}",
        "combiner=pcgrad, heads={sample-pd=linear,sample-sts=linear}",
        "combiner=pcgrad, heads={sample-pd=abs-diff,sample-sts=relu-cosine}",
    ]
    assert [resolver.resolve(cell.config).rejection for cell in made] == [None] * 4
    assert all(task.startswith("sample-") for cell in made for task in cell.config["tasks"])


def test_every_shipped_matrix_can_be_resolved(root: Path) -> None:
    found = sorted(path.parent.name for path in root.glob("leaderboards/*/matrix.toml"))
    resolver = Resolver(Registry.load())

    assert {"paper", "smoke"} <= {*found}
    for name in found:
        for cell in cells(read_matrix(root / "leaderboards" / name)):
            assert {"overall", *resolver.resolve(cell.config).tasks} >= {*cell.paper}
