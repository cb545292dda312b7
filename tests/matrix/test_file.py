import math
import re
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


def refusal(file: Path, text: str) -> str:
    with pytest.raises(UsageError) as caught:
        read(file, text)
    message = str(caught.value)
    assert message.startswith(f"{file}: ")
    assert "\n" not in message
    return message.removeprefix(f"{file}: ")


def names(matrix: Matrix, overrides: Overrides | None = None) -> list[str]:
    return [cell.name for cell in cells(matrix, overrides or Overrides())]


BASE = '[base]\ntasks = ["sst"]\n'


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
    assert cells(matrix) == [NamedCell("base", {"tasks": ["sst"]})]


def test_a_folder_stands_for_its_matrix_toml(tmp_path: Path) -> None:
    file = tmp_path / "my-study" / "matrix.toml"
    file.parent.mkdir()
    file.write_text(BASE)

    assert read_matrix(file.parent) == read_matrix(file)
    assert read_matrix(file).title == "my-study"


def test_a_title_is_a_title(file: Path) -> None:
    assert read(file, f'title = "My study"\n{BASE}').title == "My study"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"study\.toml: there is no such matrix file"):
        read_matrix(tmp_path / "study.toml")
    with pytest.raises(UsageError, match=r"matrix\.toml: there is no such matrix file"):
        read_matrix(tmp_path)


def test_a_file_that_cannot_be_read(file: Path) -> None:
    file.mkdir()
    (file / "matrix.toml").mkdir()

    with pytest.raises(UsageError, match=r"matrix\.toml: cannot be read: .*Is a directory"):
        read_matrix(file)


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_a_file_of_another_encoding(file: Path, encoding: str) -> None:
    file.write_text(f'title = "Müller"\n{BASE}', encoding=encoding)

    with pytest.raises(UsageError, match=r"study\.toml: not UTF-8, which TOML is: .*") as caught:
        read_matrix(file)
    assert "\n" not in str(caught.value)


def test_a_byte_order_mark_is_no_part_of_a_file(file: Path) -> None:
    file.write_text(f"seeds = 2\n{BASE}", encoding="utf-8-sig")

    assert read_matrix(file) == read(file, f"seeds = 2\n{BASE}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seeds = ", "not valid TOML: Invalid value (at "),
        ("[base]\n[base]\n", "not valid TOML: Cannot declare ('base',) twice (at line 2"),
        ("", "'base' is missing"),
        (f"sedes = 3\n{BASE}", "unknown key 'sedes'; did you mean 'seeds'? (known: axes, base, "),
        (f"seeds = 0\n{BASE}", "seeds"),
        (f"seeds = []\n{BASE}", "seeds"),
        (f"seeds = [1, 1]\n{BASE}", "seeds: a seed is given twice"),
        (f"seeds = true\n{BASE}", "seeds: a boolean is no number (given: True)"),
        (f"seeds = [0, true]\n{BASE}", "seeds.1: a boolean is no number (given: True)"),
        (f"{BASE}[gate]\ntolerance = true", "gate.tolerance: a boolean is no number"),
        (f"{BASE}[gate]\ntolerance = 1", "gate.tolerance: a metric is 1 at best"),
        (
            f'{BASE}[[include]]\nname = "a"\npaper = {{ overall = nan }}',
            "include.0.paper.overall: input should be a finite number (given: nan)",
        ),
        (
            f'design = "ladder"\n{BASE}[[steps]]\nname = "a"\npaper = {{ sst = -inf }}',
            "steps.0.paper.sst: input should be a finite number (given: -inf)",
        ),
        (
            f'{BASE}[[include]]\nname = "a"\npaper = {{ sst = true }}',
            "include.0.paper.sst: a boolean is no number (given: True)",
        ),
        (
            f'{BASE}[[include]]\nname = "a"\npaper = {{ sst = 51.2 }}',
            "include.0.paper.sst: input should be less than or equal to 1 (given: 51.2)",
        ),
        (f'design = "latter"\n{BASE}', "design: input should be 'grid', 'one-at"),
        (f'design = "ladder"\n{BASE}', 'design = "ladder" needs [[steps]]'),
        (f'{BASE}[[steps]]\nname = "a"\n', '[[steps]] belong to design = "ladder"'),
        (
            f'design = "ladder"\n{BASE}[axes]\ncombiner = ["sum"]\n[[steps]]\nname = "a"\n',
            '[axes] belong to design = "grid", "one-at-a-time", "staged"',
        ),
        (
            f'design = "ladder"\n{BASE}[[steps]]\nname = "a"\n[[steps]]\nname = "a"\n',
            "two [[steps]] have one name",
        ),
        (f'design = "ladder"\n{BASE}[[steps]]\nset = {{}}\n', "'steps.0.name' is missing"),
        (f'design = "staged"\n{BASE}', 'design = "staged" needs [axes]'),
        (f'design = "one-at-a-time"\n{BASE}', 'design = "one-at-a-time" needs [axes]'),
        (f'design = "leave-one-out"\n{BASE}', 'design = "leave-one-out" needs [[parts]]'),
        (f'{BASE}[[parts]]\nname = "a"\n', '[[parts]] belong to design = "leave-one-out"'),
        (
            f'design = "leave-one-out"\n{BASE}[[parts]]\nname = "a"\n',
            "the part 'a' sets nothing",
        ),
        (
            f'design = "leave-one-out"\n{BASE}[[parts]]\nname = "a"\nset.combiner = "sum"\n'
            '[[parts]]\nname = "b"\nset.combiner = "rlw"\n',
            "the parts 'a' and 'b' both set combiner",
        ),
        (
            f'design = "leave-one-out"\n{BASE}[[parts]]\nname = "a"\nset.train.steps = 1\n'
            '[[parts]]\nname = "b"\nset.train.epochs = 1\n',
            "the parts 'a' and 'b' both set train.epochs or train.steps",
        ),
        (
            f'{BASE}[[include]]\nname = "a"\n[[include]]\nname = "a"\n',
            "two [[include]] have one name",
        ),
        (f"{BASE}[[exclude]]\n", "exclude.0: value should have at least 1 item"),
        (
            f'design = "ladder"\n{BASE}[[steps]]\nname = "a"\n[[exclude]]\ncombiner = "sum"\n',
            '[[exclude]] belong to design = "grid", "one-at-a-time", "staged"',
        ),
        (
            f'design = "ladder"\n{BASE}[[steps]]\nname = "a"\nnotes = ""\n',
            "unknown key 'steps.0.notes'; did you mean 'note'? (known: name, note, paper, set)",
        ),
        (f"{BASE}[axes]\ncombiner = []\n", "axes.combiner: list should have at least 1 item"),
        (
            f'{BASE}[axes]\ncombiner = "sum"\n',
            "axes.combiner: input should be a valid list, written [A, B] (given: 'sum')",
        ),
    ],
)
def test_what_is_no_matrix(file: Path, text: str, message: str) -> None:
    assert refusal(file, text).startswith(message)


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


# --- two spellings of one key -----------------------------------------------------------------


AXES = {
    "quoted": """
        "heads.sts" = ["linear", "cosine"]
        "heads.sts.dropout" = [0.0, 0.3]
        "train.lr" = [1e-4, 1e-5]
        "encoder.mode" = ["frozen"]
    """,
    "bare": """
        heads.sts = ["linear", "cosine"]
        "heads.sts".dropout = [0.0, 0.3]
        train.lr = [1e-4, 1e-5]
        encoder.mode = ["frozen"]
    """,
}


@pytest.mark.parametrize("axes", AXES.values(), ids=AXES)
def test_axes_in_both_spellings(file: Path, axes: str) -> None:
    matrix = read(file, f"{BASE}[axes]{axes}")

    assert matrix.axes == {
        "heads.sts": ["linear", "cosine"],
        "heads.sts.dropout": [0.0, 0.3],
        "train.lr": [1e-4, 1e-5],
        "encoder.mode": ["frozen"],
    }


def test_deep_axes_without_quotes(file: Path) -> None:
    matrix = read(file, f"{BASE}[axes]\nheads.sts.dropout = [0.0]\ntrain.batch_size.sst = [4]\n")

    assert matrix.axes == {"heads.sts.dropout": [0.0], "train.batch_size.sst": [4]}


# --- grid -------------------------------------------------------------------------------------

GRID = f"""{BASE}
combiner = "sum"
train = {{ lr = 1e-3, epochs = 2 }}
[axes]
combiner = ["sum", {{ name = "pcgrad", order = "random" }}]
"train.lr" = [1e-4, 1e-5]
"""


def test_a_grid_varies_its_last_axis_first(file: Path) -> None:
    made = cells(read(file, GRID))

    assert [cell.name for cell in made] == [
        "combiner=sum, train.lr=0.0001",
        "combiner=sum, train.lr=1e-5",
        "combiner=pcgrad{order=random}, train.lr=0.0001",
        "combiner=pcgrad{order=random}, train.lr=1e-5",
    ]
    assert made[3].config == {
        "tasks": ["sst"],
        "combiner": {"name": "pcgrad", "order": "random"},
        "train": {"lr": 1e-5, "epochs": 2},
    }
    assert made[0].config["combiner"] == {"name": "sum"}


def test_the_order_of_axes_over_a_component_and_its_part_does_not_matter(file: Path) -> None:
    matrix = read(
        file,
        f'{BASE}[axes]\n"heads.sst.dropout" = [0.0, 0.3]\n"heads.sst" = ["linear", "cosine"]\n',
    )

    assert [cell.config["heads"]["sst"] for cell in cells(matrix)] == [
        {"name": "linear", "dropout": 0.0},
        {"name": "cosine", "dropout": 0.0},
        {"name": "linear", "dropout": 0.3},
        {"name": "cosine", "dropout": 0.3},
    ]


def test_further_axes_come_last_and_others_are_replaced(file: Path) -> None:
    overrides = Overrides(axes={"train.dropout": [0.1, 0.2], "train.lr": [1.0, 2.0]})
    matrix = read(file, f"{BASE}[axes]\ntrain.lr = [1e-4, 1e-5]\n")

    assert names(matrix, overrides) == [
        "train.lr=1.0, train.dropout=0.1",
        "train.lr=1.0, train.dropout=0.2",
        "train.lr=2.0, train.dropout=0.1",
        "train.lr=2.0, train.dropout=0.2",
    ]


def test_an_axis_of_one_value_names_no_cell(file: Path) -> None:
    made = cells(read(file, GRID), Overrides(axes={"train.dropout": [0.5], "combiner": ["sum"]}))

    assert [cell.name for cell in made] == ["train.lr=0.0001", "train.lr=1e-5"]
    assert [cell.config["train"]["dropout"] for cell in made] == [0.5, 0.5]


@pytest.mark.parametrize("values", ['["sum", "sum"]', '["sum", { name = "sum" }]'])
def test_an_axis_with_a_value_twice(file: Path, values: str) -> None:
    matrix = read(file, f'{BASE}[axes]\n"combiner" = {values}\n')

    with pytest.raises(UsageError, match="the axis combiner has a value twice: "):
        cells(matrix)


def test_a_key_that_leads_nowhere(file: Path) -> None:
    with pytest.raises(UsageError, match="unknown key 'combinor'; did you mean 'combiner'"):
        cells(read(file, f'{BASE}[axes]\ncombinor = ["sum"]\n'))
    with pytest.raises(
        UsageError, match=r"unknown key 'trian' in trian\.lr; did you mean 'train'"
    ):
        cells(read(file, BASE), Overrides(set={"trian.lr": 1}))


def test_cells_share_nothing_that_can_change(file: Path) -> None:
    first, second = cells(
        read(file, f'{BASE}[axes]\n"train.batch_size" = [{{ sst = 8 }}]\ncombiner = ["a", "b"]\n')
    )

    first.config["train"]["batch_size"]["sst"] = 1

    assert second.config["train"]["batch_size"] == {"sst": 8}


# --- what the command line lays over it -------------------------------------------------------


def test_set_holds_in_every_cell_and_takes_the_place_of_its_axis(file: Path) -> None:
    made = cells(read(file, GRID), Overrides(set={"train.lr": 3.0, "data.dir": "here"}))

    assert [cell.name for cell in made] == ["combiner=sum", "combiner=pcgrad{order=random}"]
    assert [cell.config["train"] for cell in made] == [{"lr": 3.0, "epochs": 2}] * 2
    assert [cell.config["data"] for cell in made] == [{"dir": "here"}] * 2


def test_an_axis_varies_what_is_set(file: Path) -> None:
    """``--set combiner=soft --axis combiner.sharpness=0,4``: no axis is dropped in silence."""
    axes: dict[str, Any] = {"combiner.sharpness": [0, 4]}
    made = cells(read(file, GRID), Overrides(set={"combiner": "soft", "train.lr": 1.0}, axes=axes))

    assert [cell.name for cell in made] == ["combiner.sharpness=0", "combiner.sharpness=4"]
    assert [cell.config["combiner"] for cell in made] == [
        {"name": "soft", "sharpness": 0},
        {"name": "soft", "sharpness": 4},
    ]


def test_what_is_set_holds_against_an_axis_over_the_whole(file: Path) -> None:
    overrides = Overrides(set={"heads.sst.dropout": 0.3}, axes={"heads.sst": ["linear", "mlp"]})
    made = cells(read(file, BASE), overrides)

    assert [cell.config["heads"]["sst"] for cell in made] == [
        {"name": "linear", "dropout": 0.3},
        {"name": "mlp", "dropout": 0.3},
    ]


@pytest.mark.parametrize("key", ["train.steps", "train.epochs"])
def test_a_setting_and_an_axis_that_contradict(file: Path, key: str) -> None:
    overrides = Overrides(set={"train.steps": 5}, axes={key: [1, 2]})

    with pytest.raises(UsageError, match=r"contradict each other on train\.steps"):
        cells(read(file, BASE), overrides)


SETTLED: dict[str, tuple[str, dict[str, Any], list[str]]] = {
    "a budget settles the other": (
        '"train.epochs" = [1, 2]',
        {"train.steps": 5},
        ["base"],
    ),
    "a component settles its parameters": (
        '"heads.sst.dropout" = [0.0, 0.3]',
        {"heads.sst": "linear"},
        ["base"],
    ),
    "a table of other parameters does not": (
        '"heads.sst.dropout" = [0.0, 0.3]',
        {"heads.sst": {"pooling": "mean"}},
        ["heads.sst.dropout=0.0", "heads.sst.dropout=0.3"],
    ),
    "a parameter does not settle its component": (
        '"heads.sst" = ["linear", "cosine"]',
        {"heads.sst.dropout": 0.3},
        ["heads.sst=linear", "heads.sst=cosine"],
    ),
    "what is set elsewhere does not": (
        '"tasks" = [["sst"], ["pd"]]',
        {"train.lr": 1.0},
        ["tasks=sst", "tasks=pd"],
    ),
}


@pytest.mark.parametrize(("axis", "changes", "expected"), SETTLED.values(), ids=SETTLED)
def test_no_cell_is_named_after_what_set_undoes(
    file: Path, axis: str, changes: dict[str, Any], expected: list[str]
) -> None:
    matrix = read(file, f"{BASE}[axes]\n{axis}\n")

    assert names(matrix, Overrides(set=changes)) == expected


# --- ladder -----------------------------------------------------------------------------------

LADDER = f"""
design = "ladder"
{BASE}
train = {{ lr = 1e-3, epochs = 2 }}
[[steps]]
name = "one"
paper = {{ sst = 0.5, overall = 0.25 }}
note = "the first"
set = {{ "heads.sst" = {{ name = "linear", dropout = 0.0 }} }}
[[steps]]
name = "two"
set = {{ combiner = "pcgrad", "heads.sst.dropout" = 0.3 }}
[[steps]]
name = "three"
[steps.set]
heads.sst = "cosine"
train.steps = 4
[[steps]]
name = "four"
"""


def test_a_step_inherits_the_one_before(file: Path) -> None:
    made = cells(read(file, LADDER))

    assert made[0] == NamedCell(
        "one",
        {
            "tasks": ["sst"],
            "train": {"lr": 1e-3, "epochs": 2},
            "heads": {"sst": {"name": "linear", "dropout": 0.0}},
        },
        "the first",
        {"sst": 0.5, "overall": 0.25},
    )
    assert made[1] == NamedCell(
        "two",
        {
            "tasks": ["sst"],
            "train": {"lr": 1e-3, "epochs": 2},
            "heads": {"sst": {"name": "linear", "dropout": 0.3}},
            "combiner": {"name": "pcgrad"},
        },
        against="one",
    )
    assert made[2].config == {
        "tasks": ["sst"],
        "train": {"lr": 1e-3, "steps": 4},
        "heads": {"sst": {"name": "cosine"}},
        "combiner": {"name": "pcgrad"},
    }
    assert made[3] == NamedCell("four", made[2].config, against="three")


# --- what a cell is compared with -------------------------------------------------------------


def test_a_reference_is_what_the_others_are_compared_with(file: Path) -> None:
    made = cells(read(file, f'reference = "two"\n{LADDER}'))

    assert [cell.against for cell in made] == ["two", "", "two", "two"]


def test_a_grid_has_no_reference_of_its_own_but_levels(file: Path) -> None:
    text = """
    [base]
    tasks = ["sst"]
    [axes]
    combiner = ["sum", "pcgrad"]
    "train.lr" = [1e-5]
    """
    made = cells(read(file, text))

    assert [cell.against for cell in made] == ["", ""]
    assert [cell.levels for cell in made] == [
        {"combiner": "sum", "train.lr": "1e-5"},
        {"combiner": "pcgrad", "train.lr": "1e-5"},
    ]


def test_a_reference_must_be_a_cell(file: Path) -> None:
    matrix = read(file, f'reference = "twoo"\n{LADDER}')

    with pytest.raises(UsageError, match="unknown cell 'twoo' in reference; did you mean 'two'"):
        cells(matrix)


def test_set_holds_in_every_step(file: Path) -> None:
    made = cells(read(file, LADDER), Overrides(set={"combiner": "sum", "train.epochs": 1}))

    assert [cell.config["combiner"] for cell in made] == [{"name": "sum"}] * 4
    assert [cell.config["train"] for cell in made] == [{"lr": 1e-3, "epochs": 1}] * 4


def test_a_ladder_has_no_axes(file: Path) -> None:
    with pytest.raises(UsageError, match="--axis: a ladder has steps, not axes"):
        cells(read(file, LADDER), Overrides(axes={"combiner": ["sum"]}))


# --- the other designs ------------------------------------------------------------------------

AXES_OF_TWO = """
[axes]
combiner = ["sum", "pcgrad"]
"train.lr" = [1e-3, 1e-4, 1e-5]
"""
BASED = 'tasks = ["sst"]\ntrain = { lr = 1e-4, epochs = 1 }\n'


def test_one_at_a_time_is_compared_with_the_base(file: Path) -> None:
    made = cells(read(file, f'design = "one-at-a-time"\n[base]\n{BASED}{AXES_OF_TWO}'))

    assert [(cell.name, cell.against) for cell in made] == [
        ("base", ""),
        ("combiner=pcgrad", "base"),
        ("train.lr=0.001", "base"),
        ("train.lr=1e-5", "base"),
    ]
    assert made[3].config["train"] == {"lr": 1e-5, "epochs": 1}
    assert made[3].config["combiner"] == {"name": "sum"}


PARTS = f"""
design = "leave-one-out"
[base]
{BASED}
[[parts]]
name = "surgery"
set = {{ combiner = "pcgrad" }}
note = "as in the paper"
paper = {{ sst = 0.4 }}
[[parts]]
name = "frozen encoder"
set = {{ "encoder.mode" = "frozen" }}
"""


def test_leave_one_out_is_compared_with_the_full_cell(file: Path) -> None:
    full, first, second = cells(read(file, PARTS))

    train = {"lr": 1e-4, "epochs": 1}
    frozen, pcgrad = {"name": "tiny", "mode": "frozen"}, {"name": "pcgrad"}
    everything = {"tasks": ["sst"], "train": train, "combiner": pcgrad, "encoder": frozen}
    assert full == NamedCell("full", everything)
    assert first == NamedCell(
        "without surgery",
        {"tasks": ["sst"], "train": train, "encoder": frozen},
        "as in the paper",
        {"sst": 0.4},
        against="full",
    )
    assert second == NamedCell(
        "without frozen encoder",
        {"tasks": ["sst"], "train": train, "combiner": pcgrad},
        against="full",
    )


@pytest.mark.parametrize(
    ("text", "reference"),
    [(f'design = "one-at-a-time"\n[base]\n{BASED}{AXES_OF_TWO}', "train.lr=0.001"),
     (PARTS, "without surgery")],
)  # fmt: skip
def test_a_reference_wins_over_that_of_the_design(file: Path, text: str, reference: str) -> None:
    made = cells(read(file, f'reference = "{reference}"\n{text}'))

    assert {cell.against for cell in made if cell.name != reference} == {reference}
    assert [cell.against for cell in made if cell.name == reference] == [""]


REFERRED = f'reference = "combiner=sum, train.lr=0.001"\n[base]\n{BASED}{AXES_OF_TWO}'


@pytest.mark.parametrize("design", ["grid", "staged"])
@pytest.mark.parametrize(
    "overrides",
    [Overrides(set={"combiner": "sum"}), Overrides(axes={"train.dropout": [0.1, 0.2]})],
)
def test_a_reference_that_overrides_rename_is_dropped_with_a_remark(
    file: Path, design: str, overrides: Overrides
) -> None:
    found = arrange(read(file, f'design = "{design}"\n{REFERRED}'), overrides)

    assert {cell.against for cell in found.cells} == {""}
    assert found.remark.startswith("no differences: what was laid over the matrix leaves no cell")


def test_overrides_that_leave_the_reference_keep_it(file: Path) -> None:
    found = arrange(read(file, REFERRED), Overrides(set={"train.dropout": 0.5}))

    assert [cell.against for cell in found.cells].count("combiner=sum, train.lr=0.001") == 5
    assert found.remark == ""


def test_a_mistaken_reference_is_told_under_overrides_too(file: Path) -> None:
    matrix = read(file, REFERRED.replace("=sum,", "=sun,"))

    with pytest.raises(
        UsageError, match=r"unknown cell 'combiner=sun, .* did you mean 'combiner=s"
    ):
        cells(matrix, Overrides(set={"combiner": "sum"}))


def test_a_reference_of_the_command_line_wins(file: Path) -> None:
    ladder = cells(read(file, f'reference = "one"\n{LADDER}'), Overrides(reference="two"))
    renamed = arrange(
        read(file, REFERRED), Overrides(set={"combiner": "sum"}, reference="train.lr=1e-5")
    )

    assert [cell.against for cell in ladder] == ["two", "", "two", "two"]
    assert [cell.against for cell in renamed.cells] == ["train.lr=1e-5", "train.lr=1e-5", ""]
    assert renamed.remark == ""


@pytest.mark.parametrize("design", ["grid", "staged", "one-at-a-time"])
def test_a_reference_of_the_command_line_must_be_a_cell(file: Path, design: str) -> None:
    matrix = read(file, f'design = "{design}"\n[base]\n{BASED}{AXES_OF_TWO}')

    with pytest.raises(UsageError, match=r"unknown cell 'train.lr=1e-6' in --reference"):
        cells(matrix, Overrides(reference="train.lr=1e-6"))


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


def test_leave_one_out_has_no_axes(file: Path) -> None:
    with pytest.raises(UsageError, match="--axis: a leave-one-out has parts, not axes"):
        cells(read(file, PARTS), Overrides(axes={"combiner": ["sum"]}))


@pytest.mark.parametrize("design", ["one-at-a-time", "staged"])
def test_overrides_reach_the_designs_of_axes(file: Path, design: str) -> None:
    matrix = read(file, f'design = "{design}"\n[base]\n{BASED}{AXES_OF_TWO}')
    overrides = Overrides(set={"combiner": "rlw"}, axes={"train.lr": [1e-4, 1.0]})

    made = cells(matrix, overrides)

    assert [cell.config["train"]["lr"] for cell in made] == [1e-4, 1.0]
    assert [cell.config["combiner"] for cell in made] == [{"name": "rlw"}] * 2
    assert [cell.levels for cell in made] == [{"train.lr": "0.0001"}, {"train.lr": "1.0"}]


STAGED = f'design = "staged"\n[base]\n{BASED}{AXES_OF_TWO}'


def keep(name: str, then: str = "") -> Any:
    """Return a chooser that keeps these cells where they are, and nothing else."""

    def choose(made: Any) -> Choice:
        found = [index for index, cell in enumerate(made) if cell.name in (name, then)]
        return Choice(found[0] if found else None)

    return choose


def test_a_search_whose_runs_are_not_known_is_its_first_stage(file: Path) -> None:
    found = arrange(read(file, STAGED))

    assert [cell.name for cell in found.cells] == [
        "combiner=sum, train.lr=0.0001",
        "combiner=pcgrad, train.lr=0.0001",
    ]
    assert found.to_come == 2
    assert [cell.against for cell in found.cells] == ["", ""]


def test_what_is_set_is_in_the_cells_that_a_search_chooses_among(file: Path) -> None:
    seen: list[Config] = []

    def choose(made: Any) -> Choice:
        seen.extend(cell.config for cell in made)
        return Choice(0)

    arrange(read(file, STAGED), Overrides(set={"train.dropout": 0.5}), choose)

    assert len(seen) == 5
    assert {config["train"]["dropout"] for config in seen} == {0.5}


def test_the_reference_of_a_search_may_be_a_cell_of_a_later_stage(file: Path) -> None:
    later = "combiner=pcgrad, train.lr=1e-5"
    made = cells(read(file, f'reference = "{later}"\n{STAGED}'))

    assert [cell.against for cell in made] == [later, later]
    with pytest.raises(UsageError, match=r"unknown cell 'lr' in reference \(known: combiner=pcg"):
        cells(read(file, f'reference = "lr"\n{STAGED}'))


# --- cells that are added, and cells that are left out ------------------------------------------

INCLUDED = """
[[include]]
name = "frozen"
set = { "encoder.mode" = "frozen" }
note = "only the heads learn"
paper = { sst = 0.3 }
"""


def test_included_cells_may_be_all_there_is(file: Path) -> None:
    (made,) = cells(read(file, f"{BASE}{INCLUDED}"))

    assert made == NamedCell(
        "frozen",
        {"tasks": ["sst"], "encoder": {"name": "tiny", "mode": "frozen"}},
        "only the heads learn",
        {"sst": 0.3},
    )


def test_included_cells_come_last_and_have_no_levels(file: Path) -> None:
    made = cells(read(file, f'reference = "frozen"\n[base]\n{BASED}{AXES_OF_TWO}{INCLUDED}'))

    assert (len(made), made[-1].name, made[-1].levels) == (7, "frozen", {})
    assert [cell.against for cell in made] == ["frozen"] * 6 + [""]


def test_an_axis_of_the_command_line_adds_a_grid_to_included_cells(file: Path) -> None:
    matrix = read(file, f"{BASE}{INCLUDED}")

    assert names(matrix, Overrides(axes={"combiner": ["sum", "rlw"]})) == [
        "combiner=sum",
        "combiner=rlw",
        "frozen",
    ]


def test_what_is_set_holds_in_included_cells(file: Path) -> None:
    (made,) = cells(read(file, f"{BASE}{INCLUDED}"), Overrides(set={"encoder.mode": "finetune"}))

    assert made.config["encoder"]["mode"] == "finetune"


@pytest.mark.parametrize("design", ["one-at-a-time", "staged"])
def test_an_included_cell_has_the_defaults_of_the_axes(file: Path, design: str) -> None:
    """Else it would differ from the base cell in more than what it sets."""
    text = f'design = "{design}"\n{BASE}[axes]\n"train.lr" = [1e-3, 1e-4]\n{INCLUDED}'
    base, *_, frozen = cells(read(file, text))

    assert {key for key in frozen.config if frozen.config[key] != base.config.get(key)} == {
        "encoder"
    }
    assert frozen.against == ("base" if design == "one-at-a-time" else "")


@pytest.mark.parametrize("design", ["one-at-a-time", "staged"])
def test_an_included_cell_has_the_first_value_where_the_base_has_none(
    file: Path, design: str
) -> None:
    text = f'design = "{design}"\n{BASE}{AXES_OF_TWO}[[include]]\nname = "again"\n'

    *_, again = cells(read(file, text))

    assert (again.config["combiner"], again.config["train"]) == ({"name": "sum"}, {"lr": 1e-3})


@pytest.mark.parametrize(
    ("design", "name"),
    [
        ("grid", "combiner=sum, train.lr=0.001"),
        ("one-at-a-time", "base"),
        ("staged", "combiner=pcgrad, train.lr=1e-5"),  # of a stage that may never be
    ],
)
def test_a_name_is_for_one_cell_only(file: Path, design: str, name: str) -> None:
    text = f'design = "{design}"\n[base]\n{BASED}{AXES_OF_TWO}[[include]]\nname = "{name}"\n'

    with pytest.raises(UsageError, match=f"^two cells are called '{name}'"):
        cells(read(file, text))


EXCLUDED = '[[exclude]]\ncombiner = "pcgrad"\ntrain.lr = 1e-3\n'


def test_an_exclusion_leaves_out_the_cells_that_it_fits(file: Path) -> None:
    whole = names(read(file, f"[base]\n{BASED}{AXES_OF_TWO}"))
    left = names(read(file, f"[base]\n{BASED}{AXES_OF_TWO}{EXCLUDED}"))

    assert [name for name in whole if name not in left] == ["combiner=pcgrad, train.lr=0.001"]
    assert [name for name in left if name not in whole] == []


def test_an_exclusion_leaves_included_cells_alone(file: Path) -> None:
    include = '[[include]]\nname = "again"\nset = { combiner = "pcgrad", "train.lr" = 1e-3 }\n'

    assert names(read(file, f"[base]\n{BASED}{AXES_OF_TWO}{EXCLUDED}{include}"))[-1] == "again"


def test_a_search_passes_over_what_is_excluded(file: Path) -> None:
    kept = keep("combiner=pcgrad, train.lr=0.0001")

    assert [cell.name for cell in cells(read(file, f"{STAGED}{EXCLUDED}"), choose=kept)] == [
        "combiner=sum, train.lr=0.0001",
        "combiner=pcgrad, train.lr=0.0001",
        "combiner=pcgrad, train.lr=1e-5",
    ]


@pytest.mark.parametrize(
    "overrides",
    [
        Overrides(set={"combiner": "sum"}),
        Overrides(axes={"combiner": ["sum", "rlw"]}),
        Overrides(axes={"train.lr": [1.0]}),
    ],
)
def test_an_exclusion_may_fit_nothing_that_overrides_leave(
    file: Path, overrides: Overrides
) -> None:
    text = f"[base]\n{BASED}{AXES_OF_TWO}"

    assert names(read(file, f"{text}{EXCLUDED}"), overrides) == names(read(file, text), overrides)


def test_an_exclusion_fits_what_is_set_in_the_place_of_an_axis(file: Path) -> None:
    text = f"[base]\n{BASED}{AXES_OF_TWO}{EXCLUDED}"

    assert names(read(file, text), Overrides(set={"combiner": "pcgrad"})) == [
        "train.lr=0.0001",
        "train.lr=1e-5",
    ]


@pytest.mark.parametrize("design", ["grid", "one-at-a-time", "staged"])
@pytest.mark.parametrize(
    ("exclude", "message"),
    [
        ('combinor = "sum"', "unknown key 'combinor' in [[exclude]]; did you mean 'combiner'? ("),
        (
            'combiner = "pcgradd"',
            "unknown value 'pcgradd' in [[exclude]] combiner; did you mean 'pcgrad'? "
            "(known: pcgrad, sum)",
        ),
        ("train.epochs = 2", "unknown value '2' in [[exclude]] train.epochs (known: 1)"),
    ],
)
def test_an_exclusion_that_fits_no_cell(
    file: Path, design: str, exclude: str, message: str
) -> None:
    text = f'design = "{design}"\n[base]\n{BASED}{AXES_OF_TWO}[[exclude]]\n{exclude}\n'

    with pytest.raises(UsageError) as caught:
        cells(read(file, text))
    assert str(caught.value).startswith(message)


def test_the_base_that_others_are_compared_with_cannot_be_left_out(file: Path) -> None:
    text = f"""design = "one-at-a-time"
    [base]\n{BASED}{AXES_OF_TWO}
    [[exclude]]
    combiner = "sum"
    train.lr = 1e-4
    """

    with pytest.raises(UsageError, match=r"^\[\[exclude\]\] leaves out 'base', which the others"):
        cells(read(file, text))
    named = read(file, f'reference = "combiner=pcgrad"\n{text}')
    assert [cell.name for cell in cells(named) if not cell.against] == ["combiner=pcgrad"]


@pytest.mark.parametrize("design", ["grid", "staged"])
def test_something_must_be_left(file: Path, design: str) -> None:
    text = f'design = "{design}"\n[base]\n{BASED}{AXES_OF_TWO}[[exclude]]\ntrain.epochs = 1\n'

    with pytest.raises(UsageError, match=r"^\[\[exclude\]\] leaves out every cell of the design"):
        cells(read(file, text))


# --- the matrices that mtbench ships ----------------------------------------------------------

LINEAR = ("linear", 0.3)
BARE, BARE_SCALED = ("linear", 0.0), ("scaled-linear", 0.0)

# name; paper's sst, pd, sts, overall; heads of pd and sts with dropout; balancer; combiner
PAPER: list[tuple[str, tuple[float, ...], tuple[str, float], tuple[str, float], Config, str]] = [
    (
        "minBERT Baseline",
        (0.391, 0.380, -0.009, 0.254),
        BARE,
        BARE_SCALED,
        {"name": "single", "task": "sst"},
        "sum",
    ),
    (
        "Increased Dropout",
        (0.530, 0.410, -0.043, 0.299),
        LINEAR,
        ("scaled-linear", 0.3),
        {"name": "single", "task": "sst"},
        "sum",
    ),
    (
        "Cosine Similarity Fine Tuning",
        (0.525, 0.403, 0.293, 0.407),
        LINEAR,
        ("cosine", 0.3),
        {"name": "single", "task": "sst"},
        "sum",
    ),
    (
        "Unbalanced Round-Robin",
        (0.441, 0.783, 0.377, 0.534),
        LINEAR,
        ("cosine", 0.3),
        {"name": "round-robin"},
        "sum",
    ),
    (
        "Gradient Surgery",
        (0.455, 0.779, 0.421, 0.552),
        LINEAR,
        ("cosine", 0.3),
        {"name": "round-robin"},
        "pcgrad",
    ),
    (
        "Balanced Round-Robin",
        (0.490, 0.774, 0.668, 0.644),
        LINEAR,
        ("cosine", 0.3),
        {"name": "cycle"},
        "pcgrad",
    ),
    (
        "Modified Cos-Sim + Hyperparams",
        (0.493, 0.776, 0.692, 0.654),
        LINEAR,
        ("relu-cosine", 0.3),
        {"name": "cycle"},
        "pcgrad",
    ),
]


def test_the_ladder_of_the_paper(root: Path) -> None:
    made = cells(read_matrix(root / "leaderboards" / "paper"))
    resolver = Resolver(Registry.load())
    resolved = [resolver.resolve(cell.config) for cell in made]

    assert [cell.rejection for cell in resolved] == [None] * 7
    for cell, found, step in zip(made, resolved, PAPER, strict=True):
        name, paper, pd, sts, balancer, combiner = step
        assert cell.name == name
        assert tuple(cell.paper[key] for key in ("sst", "pd", "sts", "overall")) == paper
        assert len(cell.paper) == 4
        heads = found.config["heads"]
        assert {task: (head["name"], head["dropout"]) for task, head in heads.items()} == {
            "sst": LINEAR,
            "pd": pd,
            "sts": sts,
        }
        assert {head["pair"] for head in heads.values()} == {"separate"}
        assert found.config["balancer"] == balancer
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
    for _, (*scores, overall), *_ in PAPER:
        assert sum(scores) / 3 == pytest.approx(overall, abs=0.0011)


def test_the_first_ablation(root: Path) -> None:
    matrix = read_matrix(root / "leaderboards" / "smoke")
    resolver = Resolver(Registry.load())

    made = cells(matrix)

    assert [cell.name for cell in made] == [
        "combiner=sum, heads.sample-sts=linear",
        "combiner=sum, heads.sample-sts=relu-cosine",
        "combiner=pcgrad, heads.sample-sts=linear",
        "combiner=pcgrad, heads.sample-sts=relu-cosine",
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
