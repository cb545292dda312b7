import json
import os
import random
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from mtbench import devices
from mtbench.errors import UsageError
from mtbench.gradients.oracle import BrokenCombiner, GradientOracle, NonFiniteLoss
from mtbench.matrix.configuration import overlay
from mtbench.matrix.file import cells, read_matrix
from mtbench.metrics import METRICS
from mtbench.protocols import Step
from mtbench.randomness import derive, stream
from mtbench.runs import runner
from mtbench.runs.runner import execute, prepare, state_of
from mtbench.store import CHECKPOINT, HISTORY, PREDICTIONS, REQUEST, RunFolder
from mtbench.system.files import write_json
from mtbench.training import selection, training
from mtbench.training.evaluation import predict

Request = Callable[..., RunFolder]

QUIET = {"train.dropout": 0.0, "encoder.dropout": 0.0}


def result_of(folder: RunFolder) -> dict[str, Any]:
    return folder.result().model_dump()


def numbers_of(folder: RunFolder) -> dict[str, Any]:
    """Return a result without what the machine's load and clock decide."""
    result = result_of(folder)
    del result["ended"], result["digest"]
    cost = {k: v for k, v in result["cost"].items() if k not in ("seconds", "peak_memory_mb")}
    return {**result, "cost": cost}


def hashes_of(folder: RunFolder) -> Any:
    return result_of(folder)["hashes"]


def events_of(folder: RunFolder, kind: str) -> Iterator[dict[str, Any]]:
    for line in (folder.path / HISTORY).read_text().splitlines():
        event = json.loads(line)
        if event["event"] == kind:
            yield event


def losses_of(folder: RunFolder) -> list[list[float]]:
    """Return the losses of SST, PD and STS, step by step."""
    return [
        [event["losses"][task] for task in ("sst", "pd", "sts")]
        for event in events_of(folder, "step")
    ]


# --- a pinned run -----------------------------------------------------------------------------

PINNED = {"train.steps": 6, "combiner": "pcgrad", "heads.sts": "relu-cosine"}


def test_the_numbers_of_a_run(trained: Request) -> None:
    """A run without dropout gives these losses.

    If this moves, raise ``NUMERICS`` (in ``mtbench/study/identity.py``), so that stored runs are
    trained anew, and pin the new numbers. Another vocabulary in the wheel moves it too, but
    that is in a run's key already.
    """
    folder = trained(PINNED | QUIET)

    expected = [
        [1.312556, 0.602494, 9.123806],
        [2.139552, 0.714209, 11.287609],
        [1.615886, 0.755046, 0.999282],
        [1.607673, 0.730635, 1.965545],
        [1.584272, 0.677604, 0.205152],
        [1.640107, 0.659521, 0.694277],
    ]
    assert np.array(losses_of(folder)) == pytest.approx(np.array(expected), abs=1e-4)


@pytest.mark.skipif(
    not torch.backends.mkl.is_available(), reason="torch drops other numbers without MKL"
)
def test_the_numbers_of_a_run_with_dropout(trained: Request) -> None:
    """A run with dropout gives these losses.

    If this moves and the run above does not, the stream of dropout did: raise ``NUMERICS``.
    """
    folder = trained(PINNED)

    expected = [
        [1.338313, 0.616366, 6.481311],
        [1.775235, 0.696845, 8.539676],
        [1.593790, 0.617691, 1.644236],
        [1.733472, 0.691707, 1.989985],
        [1.743126, 0.776424, 2.784775],
        [1.611728, 0.673113, 1.200853],
    ]
    assert np.array(losses_of(folder)) == pytest.approx(np.array(expected), abs=1e-4)


def test_the_batches_of_a_run(trained: Request) -> None:
    """If this moves, examples come in another order: raise ``NUMERICS``."""
    assert hashes_of(trained(PINNED))["batches"] == (
        "ee27313664f13f1eaa1232682ff390b1abdc140ad628b598c6d2c25de38f71d3"
    )


def test_a_run_records_what_moves_its_last_digits(trained: Request) -> None:
    assert result_of(trained())["arithmetic"] == devices.arithmetic()


# --- precision --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"combiner": "pcgrad", "heads.sts": "relu-cosine"},
        {"heads.sts": {"name": "linear", "pair": "joined", "pooling": "pooler"}},
    ],
    ids=["pcgrad", "sum"],
)
def test_a_run_in_bfloat16_is_near_that_in_float32(
    trained: Request, changes: Mapping[str, Any]
) -> None:
    whole = trained(changes | QUIET)
    half = trained(changes | QUIET | {"train.precision": "bfloat16"})

    assert half.key != whole.key
    assert losses_of(half) != losses_of(whole)
    assert np.array(losses_of(half)) == pytest.approx(np.array(losses_of(whole)), rel=0.03)
    assert hashes_of(half) == hashes_of(whole)  # the same batches and first weights
    assert {value.dtype for value in load_file(half.path / CHECKPOINT).values()} == {torch.float32}
    assert_checkpoint_gives_predictions(half)


# --- the result -------------------------------------------------------------------------------


def test_what_a_result_holds(trained: Request) -> None:
    result = result_of(trained())

    assert result["status"] == "done"
    assert list(result["scores"]) == ["dev", "train"]
    for split in ("dev", "train"):
        assert {task: list(scores) for task, scores in result["scores"][split].items()} == {
            "sst": ["accuracy", "macro_f1"],
            "pd": ["accuracy", "macro_f1"],
            "sts": ["pearson", "spearman"],
        }
    assert result["untrained"] == []
    assert (result["selected_step"], result["evaluations"]) == (3, 1)
    assert list(result["hashes"]) == ["batches", "order", "initial_weights"]
    assert list(result["hashes"]["order"]) == ["sst", "pd", "sts"]
    assert list(result["hashes"]["initial_weights"]) == [
        "encoder",
        "heads.sst",
        "heads.pd",
        "heads.sts",
    ]
    cost = result["cost"]
    assert cost["steps"] == cost["encoder_passes"] == 3
    assert cost["examples"] == {"sst": 12, "pd": 12, "sts": 12}
    assert cost["tokens"] > 36
    assert cost["peak_device_memory_mb"] is None  # of the CPU there is none
    seconds = cost["seconds"]
    assert 0 < seconds["computing"] < seconds["training"] < seconds["total"]
    assert 0 < seconds["evaluation"] < seconds["total"]


def test_the_predictions_give_the_scores(trained: Request) -> None:
    folder = trained()
    dev = result_of(folder)["scores"]["dev"]
    run = prepare(folder)

    with np.load(folder.path / PREDICTIONS) as stored:
        for task, scores in dev.items():
            examples = run.load(task, "dev", with_labels=True)
            assert tuple(stored[f"{task}.ids"]) == examples.ids
            assert tuple(stored[f"{task}.labels"]) == examples.labels
            predicted = stored[f"{task}.predictions"].tolist()
            for metric, value in scores.items():
                assert METRICS[metric](predicted, examples.labels) == value


def assert_checkpoint_gives_predictions(folder: RunFolder) -> None:
    run = prepare(folder)
    run.assembled.model.load_state_dict(load_file(folder.path / CHECKPOINT), strict=False)
    with np.load(folder.path / PREDICTIONS) as stored:
        for task in run.resolved.tasks:
            dev = run.tokenised(task, run.load(task, "dev", with_labels=True))
            predicted = predict(run.assembled.model, task, dev)
            assert predicted == stored[f"{task}.predictions"].tolist()


def test_a_frozen_encoder_is_in_no_checkpoint(trained: Request) -> None:
    folder = trained({"encoder.mode": "frozen"})

    names = set(load_file(folder.path / CHECKPOINT))
    assert {name.partition(".")[0] for name in names} == {"heads"}
    assert_checkpoint_gives_predictions(folder)


# --- a pooling that is learned ----------------------------------------------------------------

ATTENTION = {f"heads.{task}.pooling": "attention" for task in ("sst", "pd", "sts")}
ATTENTIVE: dict[str, Mapping[str, Any]] = {
    "sum": {},
    "pcgrad": {"combiner": "pcgrad"},
    "pcgrad, micro-batches": {"combiner": "pcgrad", "train.micro_batch_size": 3},
    "pcgrad, bfloat16": {"combiner": "pcgrad", "train.precision": "bfloat16"},
    "frozen": {"encoder.mode": "frozen"},
    "heads of other kinds": {
        "combiner": "pcgrad",
        "heads.sst": {"name": "mlp", "pooling": "attention"},
        "heads.pd": {"name": "bilinear", "pooling": "attention"},
        "heads.sts": {"name": "cosine", "pooling": "attention"},
    },
}


@pytest.mark.parametrize("changes", ATTENTIVE.values(), ids=ATTENTIVE)
def test_attention_is_trained_and_stored_with_the_run(
    trained: Request, changes: Mapping[str, Any]
) -> None:
    folder = trained(ATTENTION | changes)

    checkpoint = load_file(folder.path / CHECKPOINT)
    queries = {name: value for name, value in checkpoint.items() if name.startswith("poolings.")}
    assert list(queries) == [f"poolings.{task}_pooling.query" for task in ("pd", "sst", "sts")]
    assert all((query != 0).all() for query in queries.values())
    assert_checkpoint_gives_predictions(folder)
    assert list(hashes_of(folder)["initial_weights"])[1:] == ["heads.sst", "heads.pd", "heads.sts"]


# --- balancers that draw ----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["uniform", "proportional", "temperature", "annealed"])
def test_groups_of_tasks_that_were_drawn_are_combined(trained: Request, name: str) -> None:
    balancer = {"balancer": {"name": name, "group": 3}, "train.epochs": 1}
    summed, surgery = trained(balancer), trained(balancer | {"combiner": "pcgrad"})

    # One pass has 6, 10 and 4 batches of 4: seven steps of up to three.
    cost = result_of(surgery)["cost"]
    assert cost["steps"] == 7
    assert sum(cost["examples"].values()) == 80
    assert hashes_of(surgery) == hashes_of(summed)
    tasks = [len(event["losses"]) for event in events_of(surgery, "step")]
    assert max(tasks) > 1
    last = [list(events_of(folder, "step"))[-1]["losses"] for folder in (summed, surgery)]
    assert last[0] != last[1]


# --- streams of randomness --------------------------------------------------------------------


def test_another_head_of_sts_leaves_all_other_first_weights(trained: Request) -> None:
    base, other = hashes_of(trained()), hashes_of(trained({"heads.sts.pair": "joined"}))

    before, after = base["initial_weights"], other["initial_weights"]
    assert [name for name in before if before[name] != after[name]] == ["heads.sts"]
    assert base["batches"] == other["batches"]


def test_the_combiner_changes_no_dropout_mask(trained: Request) -> None:
    """The gradients of all tasks come from one pass, as the sum's do; see ``segments``."""
    summed, surgery = trained(), trained({"combiner": "pcgrad"})

    assert losses_of(surgery)[0] == losses_of(summed)[0]
    assert losses_of(surgery)[0] != losses_of(trained(QUIET))[0]
    passes = [result_of(folder)["cost"]["encoder_passes"] for folder in (summed, surgery)]
    assert passes == [3, 3]


def test_the_seed_changes_weights_and_batches(trained: Request) -> None:
    base, other = hashes_of(trained()), hashes_of(trained(seed=1))

    assert base["batches"] != other["batches"]
    assert not set(base["initial_weights"].values()) & set(other["initial_weights"].values())


def test_balancer_and_combiner_draw_from_streams_of_their_own(
    request_run: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = []

    def schedule(balancer: Any, sizes: Any, train: Any, rng: random.Random) -> list[Step]:
        drawn.append(rng.random())
        return [{"sst": 1, "pd": 1}]

    def oracle(*given: Any, **options: Any) -> GradientOracle:
        drawn.append(given[-1].initial_seed())
        return GradientOracle(*given, **options)

    monkeypatch.setattr(training, "schedule", schedule)
    monkeypatch.setattr(training, "GradientOracle", oracle)

    execute(request_run(seed=3))

    assert drawn == [stream(3, "balancer").random(), derive(3, "combiner")]


def test_steps_5_and_6_of_the_paper_s_ladder_see_different_batches(
    trained: Request, small: dict[str, Any], root: Path
) -> None:
    ladder = cells(read_matrix(root / "leaderboards" / "paper" / "matrix.toml"))
    made_here = {"tasks": small["tasks"], "encoder": small["encoder"]}
    five, six = (trained({**cell.config, **made_here}) for cell in ladder[4:6])

    assert hashes_of(five)["initial_weights"] == hashes_of(six)["initial_weights"]
    assert hashes_of(five)["batches"] != hashes_of(six)["batches"]
    assert hashes_of(five)["order"] == hashes_of(six)["order"]
    # 24, 40 and 16 examples in batches of 8; the balanced one goes on where data run out.
    examples = [result_of(folder)["cost"]["examples"] for folder in (five, six)]
    assert examples == [{"sst": 24, "pd": 40, "sts": 16}, {"sst": 40, "pd": 40, "sts": 40}]


def test_a_run_is_the_same_whatever_ran_before(trained: Request, request_run: Request) -> None:
    settings = {"combiner": "pcgrad", "heads.sts": "cosine", "train.evaluations": 2}
    first = trained(settings)
    trained({"train.lr": 1e-3}, seed=5)
    torch.manual_seed(99)
    again = request_run(settings)

    execute(again)

    assert again.key == first.key
    assert numbers_of(again) == numbers_of(first)
    assert losses_of(again) == losses_of(first)
    for name in (PREDICTIONS, CHECKPOINT):
        assert (again.path / name).read_bytes() == (first.path / name).read_bytes()


# --- what combiners remember ------------------------------------------------------------------


def test_what_a_combiner_learned_is_stored(trained: Request) -> None:
    result = result_of(trained({"combiner": "uncertainty"}))

    assert list(result["combiner"]) == ["sst", "pd", "sts"]
    assert all(value != 0 for value in result["combiner"].values())


def test_a_combiner_of_losses_may_observe_over_a_frozen_encoder(trained: Request) -> None:
    result = result_of(trained({"combiner": "famo", "encoder.mode": "frozen"}))

    assert (result["status"], result["cost"]["encoder_passes"]) == ("done", 6)


def test_a_combiner_that_observes_has_a_pass_more_a_step(trained: Request) -> None:
    result = result_of(trained({"combiner": "famo"}))

    assert result["cost"]["encoder_passes"] == 2 * result["cost"]["steps"] == 6
    assert {task: state["steps"] for task, state in result["combiner"].items()} == {
        "sst": 3,
        "pd": 3,
        "sts": 3,
    }
    plain = result_of(trained())["cost"]
    assert (result["cost"]["tokens"], plain["encoder_passes"]) == (plain["tokens"], 3)


# --- budgets and data -------------------------------------------------------------------------

BUDGETS: dict[str, tuple[Mapping[str, Any], int, dict[str, int]]] = {
    "steps": ({"train.steps": 11}, 11, {"sst": 44, "pd": 44, "sts": 44}),
    "epochs": ({"train.epochs": 1}, 10, {"sst": 40, "pd": 40, "sts": 40}),
    "two epochs of round-robin": (
        {"train.epochs": 2, "balancer": "round-robin"},
        20,
        {"sst": 48, "pd": 80, "sts": 32},
    ),
    "a batch size a task": (
        {"train.epochs": 1, "train.batch_size": {"sst": 3, "pd": 8, "sts": 2}},
        8,
        {"sst": 24, "pd": 64, "sts": 16},
    ),
    "a share of the data": (
        {"train.epochs": 1, "data.fraction": 0.25, "balancer": "round-robin"},
        3,
        {"sst": 6, "pd": 10, "sts": 4},
    ),
}


@pytest.mark.parametrize(("changes", "steps", "examples"), BUDGETS.values(), ids=BUDGETS)
def test_a_run_spends_its_budget(
    trained: Request, changes: Mapping[str, Any], steps: int, examples: dict[str, int]
) -> None:
    cost = result_of(trained(changes))["cost"]

    assert cost["steps"] == steps
    assert cost["examples"] == examples


def test_a_head_that_is_not_trained_is_scored_and_marked(trained: Request) -> None:
    changes = {"balancer": {"name": "single", "task": "sst"}, "train.weight_decay": 0.1}
    folder = trained(changes)
    result = result_of(folder)

    assert result["untrained"] == ["pd", "sts"]
    assert result["cost"]["examples"] == {"sst": 12, "pd": 0, "sts": 0}
    assert list(result["scores"]["dev"]) == ["sst", "pd", "sts"]
    first = prepare(folder).assembled.model.state_dict()
    for name, value in load_file(folder.path / CHECKPOINT).items():
        if name.startswith(("heads.pd", "heads.sts")):
            assert torch.equal(value, first[name])
    assert_checkpoint_gives_predictions(folder)


def test_a_sample_of_train_is_scored(trained: Request) -> None:
    train = result_of(trained({"data.train_sample": 1}))["scores"]["train"]

    assert train["sst"]["accuracy"] in (0, 1)
    assert train["sts"] == {"pearson": None, "spearman": None}  # there is no such thing of one


ROWS = ["\tid\tsentence\tsentiment", "0\ta\tA good film .\t3", "1\tb\tA bad film .\t1"]


@pytest.fixture
def sst_folder(tmp_path: Path) -> Path:
    """A data folder with two films in train and dev, and a broken row in train."""
    folder = tmp_path / "data"
    folder.mkdir()
    for split, rows in {"train": [*ROWS, "2\tc\tA film .\t"], "dev": ROWS}.items():
        (folder / f"ids-sst-{split}.csv").write_text("\n".join(rows) + "\n")
    return folder


def test_rows_that_were_left_out_are_counted_and_named_in_the_log(
    request_run: Request, sst_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = request_run({"tasks": ["sst"], "data.dir": str(sst_folder)})

    execute(folder)

    assert result_of(folder)["left_out"] == {"sst": {"train": 1, "dev": 0}}
    assert result_of(folder)["cost"]["examples"] == {"sst": 6}  # 3 steps of 2 films
    left_out, shared = capsys.readouterr().err.splitlines()
    assert left_out.startswith("left out of sst train: ids-sst-train.csv:4: ")
    assert shared == "sst dev: 2 of 2 examples with texts that are in train as well"


TABLE = """text,other,label,split
the plot,the film,5,train
good,bad,0,train
\u200b,good,1,train
a,very long review that goes on and on and on,2,train
the film,the plot,5,dev
good,good,1,dev
"""


@pytest.mark.parametrize("fraction", [1.0, 0.25])
@pytest.mark.parametrize("pair", ["separate", "joined"])
def test_texts_that_are_cut_empty_or_in_train_are_counted_and_named_in_the_log(
    request_run: Request,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    fraction: float,
    pair: str,
) -> None:
    (tmp_path / "pairs.csv").write_text(TABLE, encoding="utf-8")
    table = {"name": "table", "as": "pairs", "path": str(tmp_path / "pairs.csv")}
    table |= {"text": ["text", "other"], "target": "label", "range": [0, 5], "split": "split"}
    folder = request_run(
        {
            "tasks": [table],
            "encoder": {"name": "tiny", "max_tokens": 9},
            "heads.pairs": {"name": "linear", "pair": pair},
            "data.fraction": fraction,
        }
    )

    execute(folder)

    texts = result_of(folder)["texts"]["pairs"]
    assert texts["dev"] == {"examples": 2, "cut": 0, "empty": 0, "shared": 1}
    log = capsys.readouterr().err.splitlines()
    assert log[-1] == "pairs dev: 1 of 2 examples with texts that are in train as well"
    if fraction == 1:
        assert texts["train"] == {"examples": 4, "cut": 1, "empty": 1, "shared": None}
        assert log[:-1] == [
            "pairs train: 1 of 4 examples cut to the longest sequence that the encoder takes",
            "pairs train: 1 of 4 examples with a text that tokenises to nothing",
        ]
    else:
        assert texts["train"]["examples"] == 1


def test_data_that_changed_since_the_plan_fail_the_run(
    request_run: Request, sst_folder: Path
) -> None:
    folder = request_run({"tasks": ["sst"], "data.dir": str(sst_folder)})
    (sst_folder / "ids-sst-dev.csv").write_text("\n".join(ROWS[:2]) + "\n")

    with pytest.raises(UsageError, match=r"^data\.sst changed since the plan was made$"):
        execute(folder)

    assert folder.state() == "missing"


# --- token ids that are kept -------------------------------------------------------------------


def kept(folder: RunFolder) -> set[Path]:
    """Return the entries of token ids in a run's store."""
    return {*folder.store.tokens.iterdir()}


def test_runs_that_share_texts_and_tokenizer_share_token_ids(
    request_run: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = {"combiner": "pcgrad", "encoder.dropout": 0.3, "encoder.width": 32}
    first, second = request_run(), request_run(changes, seed=1)
    execute(first)
    entries = kept(first)
    assert len(entries) == 6  # train and dev of three tasks

    def encode(*given: Any) -> None:
        raise AssertionError("tokenised again")

    for run in (prepare(first), prepare(second)):
        monkeypatch.setattr(type(run.assembled.tokenizer), "encode", encode)
    execute(second)

    assert kept(second) == entries


@pytest.mark.parametrize("fraction", [1, 0.5, 0.05])
def test_kept_token_ids_change_no_number(request_run: Request, fraction: float) -> None:
    changes = {"data.fraction": fraction, "combiner": "pcgrad", "heads.pd.pair": "joined"}
    warm = request_run({**changes, "data.fraction": 1})
    execute(warm)
    again = request_run(changes)
    execute(again)
    cold = request_run(changes, store="another")
    execute(cold)
    in_the_way = request_run(changes, store="a third")
    in_the_way.store.tokens.write_text("so nothing can be kept")
    execute(in_the_way)

    for folder in (cold, in_the_way):
        assert numbers_of(folder) == numbers_of(again)
        assert losses_of(folder) == losses_of(again)
        for name in (PREDICTIONS, CHECKPOINT):
            assert (folder.path / name).read_bytes() == (again.path / name).read_bytes()


def test_a_store_that_takes_no_token_ids_is_told_and_fails_no_run(
    request_run: Request, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = request_run()
    folder.store.tokens.write_text("in the way")

    execute(folder)

    log = capsys.readouterr().err.splitlines()
    assert len(log) == 6
    assert all(" are not stored (FileExistsError: " in line for line in log)
    assert result_of(folder)["status"] == "done"


# --- evaluations ------------------------------------------------------------------------------


def test_evaluations_are_spaced_and_change_no_number(trained: Request) -> None:
    once, often = trained({"train.steps": 6}), trained({"train.steps": 6, "train.evaluations": 3})

    assert [event["step"] for event in events_of(once, "evaluation")] == [6]
    assert [event["step"] for event in events_of(often, "evaluation")] == [2, 4, 6]
    assert result_of(often)["evaluations"] == 3
    assert losses_of(often) == losses_of(once)
    (last,) = events_of(once, "evaluation")
    assert list(events_of(often, "evaluation"))[-1]["scores"] == last["scores"]


def test_the_best_evaluation_is_stored(
    request_run: Request, trained: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    until_then = trained({"train.steps": 4})
    values = iter([0.1, 0.3, 0.2])
    monkeypatch.setattr(selection, "overall", lambda infos, scores: next(values))
    folder = request_run({"train.steps": 6, "train.evaluations": 3})

    execute(folder)

    evaluations = {event["step"]: event["scores"] for event in events_of(folder, "evaluation")}
    result = result_of(folder)
    assert result["selected_step"] == 4
    assert result["scores"]["dev"] == evaluations[4]
    assert_checkpoint_gives_predictions(folder)
    for name in (PREDICTIONS, CHECKPOINT):
        assert (folder.path / name).read_bytes() == (until_then.path / name).read_bytes()
    assert result["scores"] == result_of(until_then)["scores"]


# --- what goes wrong --------------------------------------------------------------------------


@pytest.mark.parametrize("combiner", ["sum", "pcgrad"])
def test_a_loss_that_is_not_finite_never_scores(request_run: Request, combiner: str) -> None:
    folder = request_run({"train.lr": 1e30, "combiner": combiner})

    with pytest.raises(NonFiniteLoss, match=r"^the loss of task '\w+' is (nan|inf) at step 2$"):
        execute(folder)

    assert folder.state() == "missing"
    assert not (folder.path / PREDICTIONS).exists()
    assert not (folder.path / CHECKPOINT).exists()
    assert len(losses_of(folder)) == 1


# --- preparing --------------------------------------------------------------------------------


def test_a_run_is_prepared_as_it_was_asked_for(request_run: Request, small: Any) -> None:
    folder = request_run({"heads.sts.dropout": 0.25, "train.threads": 2}, seed=7)

    run = prepare(folder)

    assert run.seed == 7
    assert run.data_dir is None
    assert overlay(small, {})["encoder"].items() <= run.resolved.config["encoder"].items()
    assert run.assembled.model.tasks["sts"].module.dropout.p == 0.25
    assert torch.get_num_threads() == 2
    assert torch.are_deterministic_algorithms_enabled()


def test_the_data_folder_is_the_request_s_or_the_one_given(
    request_run: Request, tmp_path: Path
) -> None:
    folder = request_run({"data.dir": "somewhere"})

    assert prepare(folder).data_dir == Path("somewhere").absolute()
    assert prepare(folder, tmp_path).data_dir == tmp_path


# --- devices ----------------------------------------------------------------------------------


def test_a_device_that_is_not_there(request_run: Request) -> None:
    folder = request_run(device="cuda:99")

    with pytest.raises(UsageError, match=r"^there is no device 'cuda:99' \(here is cpu"):
        prepare(folder)

    assert prepare(folder, device="cpu").assembled.model.device == torch.device("cpu")


def test_a_run_is_prepared_on_its_device(
    request_run: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner.devices, "require", lambda device: None)

    run = prepare(request_run(), device="meta")  # a device that every machine has

    assert {p.device.type for p in run.assembled.model.parameters()} == {"meta"}


def test_a_run_on_another_device_than_its_key_says_fails(request_run: Request) -> None:
    folder = request_run(device="cuda:99")
    request = folder.request().model_dump()
    assert request is not None
    write_json(folder.path / REQUEST, {**request, "device": "cpu"})

    with pytest.raises(UsageError, match=r"^device changed since the plan was made$"):
        execute(folder)


def test_a_run_is_prepared_for_cublas_to_repeat_itself(
    request_run: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "")

    prepare(request_run())

    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"


needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


@needs_cuda
@pytest.mark.parametrize("combiner", ["sum", "pcgrad"])
@pytest.mark.parametrize("sts", ["relu-cosine", {"name": "linear", "pair": "joined"}])
def test_a_run_on_cuda_is_near_that_on_the_cpu(
    trained: Request, request_run: Request, combiner: str, sts: Any
) -> None:
    changes = {"combiner": combiner, "heads.sts": sts, **QUIET}
    on_cpu, on_cuda = trained(changes), request_run(changes, device="cuda:0")

    execute(on_cuda)

    assert on_cuda.key != on_cpu.key
    assert hashes_of(on_cuda) == hashes_of(on_cpu)  # first weights and batches, bit by bit
    assert np.array(losses_of(on_cuda)) == pytest.approx(np.array(losses_of(on_cpu)), rel=1e-2)
    one, other = (load_file(folder.path / CHECKPOINT) for folder in (on_cuda, on_cpu))
    assert {name: value.shape for name, value in one.items()} == {
        name: value.shape for name, value in other.items()
    }
    cost = result_of(on_cuda)["cost"]
    assert cost["device"] == torch.cuda.get_device_name(0)
    assert cost["peak_device_memory_mb"] > 0


@needs_cuda
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_run_on_cuda_repeats_itself_bit_by_bit(request_run: Request, precision: str) -> None:
    changes = {**PINNED, "train.precision": precision}
    runs = [request_run(changes, store=store, device="cuda:0") for store in ("one", "two")]

    for folder in runs:
        execute(folder)

    one, two = runs
    assert one.key == two.key
    assert losses_of(one) == losses_of(two)
    assert hashes_of(one) == hashes_of(two)
    for name in (PREDICTIONS, CHECKPOINT):
        assert (one.path / name).read_bytes() == (two.path / name).read_bytes()


# --- what a combiner remembers ----------------------------------------------------------------


class Remembering:
    """A combiner in so far as it has a state."""

    def __init__(self, state: Any) -> None:
        self.state = state

    def combine(self, x: Any) -> Tensor:
        raise NotImplementedError

    def state_dict(self) -> Any:
        return self.state


def test_a_state_of_json_values() -> None:
    state = {"a": {"b": [1, 0.5, None, True, "c"]}}
    assert state_of(Remembering(state)) == {"combiner": state}
    assert state_of(Remembering({})) == {"combiner": {}}


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"a": torch.ones(1)}, "no JSON: .*Tensor"),
        ({"a": float("nan")}, "no JSON: .*not JSON compliant"),
        ({1: 2.0}, "which JSON gives back as {'1': 2.0}"),
        ({"a": (1, 2)}, r"which JSON gives back as {'a': \[1, 2\]}"),
    ],
)
def test_a_state_of_anything_else(state: Any, said: str) -> None:
    with pytest.raises(BrokenCombiner, match=rf"^Remembering\.state_dict gave .*{said}"):
        state_of(Remembering(state))


def test_a_combiner_without_a_state() -> None:
    assert state_of(object()) == {}  # type: ignore[arg-type]
