import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mtbench.api import UsageError
from tools.pretrain import stages
from tools.pretrain.families import SIZE
from tools.pretrain.leaks import evaluation_filter
from tools.pretrain.stages import Workplace

World = Callable[..., Workplace]


def do(place: Workplace, *names: str) -> Workplace:
    """Run stages by the names of their folders."""
    makers = {
        "text": stages.text,
        "vocabulary": stages.pieces,
        "families": stages.relatives,
        "clauses": stages.made_up,
        "teacher": stages.vectors,
    }
    for name in names:
        (place.work / name).mkdir(parents=True)
        makers[name](place, place.work / name)
    return place


def with_corpus(place: Workplace, folder: Path) -> Workplace:
    return replace(place, corpus=folder)


# --- text -------------------------------------------------------------------------------------


def test_text_is_what_may_be_learnt_from_and_a_report_of_the_rest(
    tmp_path: Path,
    world: World,
    write_corpus: Callable[..., Path],
    write_evaluation: Callable[..., Path],
) -> None:
    review = "I went to see this with a friend of mine who had read the book twice. Great fun."
    corpus = write_corpus(
        tmp_path / "corpus",
        ["Ulm () is old. A dog barks. It is big.", "A dog barks."],
        [f"{review}<br />More of it.", "Bad. Who wrote this? Sad."],
    )
    texts = {
        "ids-cfimdb-train": [review.replace(".", " .")],
        "sts-test-student": ["a dog barks"],
        "quora-dev": ["Who wrote this ?"],
    }
    evaluation = write_evaluation(tmp_path / "evaluation", texts)
    lines: list[str] = []
    place = replace(
        with_corpus(world(tmp_path / "work"), corpus), evaluation=evaluation, log=lines.append
    )
    do(place, "text")
    assert place.documents() == [["Ulm is old.", "It is big."], ["Bad.", "Sad."]]
    report = json.loads((place.work / "text" / "report.json").read_text())
    assert report == {
        "documents": 2,
        "sentences": 4,
        "dropped_documents": 2,
        "dropped_sentences_in_them": 4,
        "dropped_further_sentences": 2,
    }
    assert lines == [f"text: {report}"]


def test_sentences_are_drawn_without_repetition(tmp_path: Path, world: World) -> None:
    place = do(world(tmp_path), "text")
    every = [text for document in place.documents() for text in document]
    drawn = place.sentences(50, "a purpose")
    assert len(drawn) == 50
    assert drawn == place.sentences(50, "a purpose") != place.sentences(50, "another")
    assert sorted(place.sentences(10**6, "a purpose")) == sorted(every)
    other_seed = replace(place, settings=place.settings.model_copy(update={"seed": 2}))
    assert other_seed.sentences(50, "a purpose") != drawn


# --- vocabulary -------------------------------------------------------------------------------


def test_a_vocabulary_comes_back_as_it_was_made(tmp_path: Path, world: World) -> None:
    place = do(world(tmp_path), "text", "vocabulary")
    pieces = place.vocabulary()
    assert pieces[:5] == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    assert "guitar" in pieces
    assert len(pieces) <= place.settings.vocabulary.pieces


# --- families ---------------------------------------------------------------------------------


def test_families_of_both_kinds_are_joined(tmp_path: Path, world: World) -> None:
    place = do(world(tmp_path), "text", "families", "clauses")
    texts = place.texts()
    assert len(texts) == SIZE * (40 + 20)
    known = {text for document in place.documents() for text in document}
    assert {*texts[: SIZE * 40 : SIZE]} <= known
    assert all(" is " in text for text in texts[SIZE * 40 :])


@pytest.mark.parametrize("kind", ["families", "clauses"])
def test_a_family_with_a_made_up_text_of_the_evaluation_is_dropped(
    tmp_path: Path, world: World, write_evaluation: Callable[..., Path], kind: str
) -> None:
    free = do(world(tmp_path / "free"), "text", "families", "clauses")
    made = json.loads((free.work / kind / "families.json").read_text())
    made_up = made[3][3]
    evaluation = write_evaluation(tmp_path / "evaluation", {"sts-dev": [made_up.upper()]})
    lines: list[str] = []
    place = replace(free, evaluation=evaluation, work=tmp_path / "work", log=lines.append)
    (place.work / "text").mkdir(parents=True)
    documents = (free.work / "text" / "documents.txt").read_bytes()
    (place.work / "text" / "documents.txt").write_bytes(documents)
    do(place, kind)
    kept = json.loads((place.work / kind / "families.json").read_text())
    assert kept == [family for family in made if made_up not in family]
    assert 0 < len(made) - len(kept) < 10
    report = json.loads((place.work / kind / "report.json").read_text())
    assert report == {"families": len(kept), "dropped_families": len(made) - len(kept)}
    assert lines == [f"{kind}: {report}"]
    allowed = evaluation_filter(evaluation)
    assert all(allowed.allows(text) for family in kept for text in family)


def test_a_corpus_without_a_family_is_refused(
    tmp_path: Path, world: World, write_corpus: Callable[..., Path]
) -> None:
    corpus = write_corpus(tmp_path / "corpus", ["No.", "A dog barks."])
    place = with_corpus(world(tmp_path / "work", clauses={"count": 0}), corpus)
    do(place, "text", "families", "clauses")
    with pytest.raises(UsageError) as refused:
        place.texts()
    assert str(refused.value) == f"{corpus}: no two sentences in it make a family"


def test_each_purpose_has_its_own_chance(tmp_path: Path, world: World) -> None:
    place = world(tmp_path)
    draws = {name: place.random(name).random() for name in ("families", "clauses", "vocabulary")}
    assert len({*draws.values()}) == 3
    assert place.random("families").random() == draws["families"]


# --- teacher ----------------------------------------------------------------------------------


def test_each_text_has_a_vector(tmp_path: Path, world: World) -> None:
    from tools.pretrain.teacher import Teacher, read_vectors

    place = do(world(tmp_path), "text", "families", "clauses", "teacher")
    vectors = read_vectors(place.work / "teacher" / "vectors")
    expected = Teacher(place.teacher).vectors(place.texts())
    assert (vectors == expected).all()
    assert len(np.unique(vectors, axis=0)) > 100


# --- files ------------------------------------------------------------------------------------


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    stages.write_json(file, {"a": "é"})
    with pytest.raises(TypeError):
        stages.write_json(file, {"a": object()})
    with pytest.raises(UnicodeEncodeError):
        stages.write_text(file, "\ud800")
    assert file.read_text(encoding="utf-8") == '{\n "a": "é"\n}\n'
