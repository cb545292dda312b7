"""Stages that make texts and vectors: what each reads from the ones before, and leaves."""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from mtbench.api import UsageError, derive
from tools.pretrain import clauses, corpus, families, leaks, vocabulary
from tools.pretrain.settings import Settings

Log = Callable[[str], None]


@dataclass(frozen=True)
class Workplace:
    """What the recipe is made of, and where it is made.

    Attributes:
        settings: all settings.
        corpus: folder with the text.
        evaluation: folder with the evaluation data, which nothing is learnt from.
        teacher: folder of the teacher's checkpoint.
        work: where the stages leave what they make, a folder each.
        log: takes lines about the progress.
    """

    settings: Settings
    corpus: Path
    evaluation: Path
    teacher: Path
    work: Path
    log: Log

    def random(self, *purpose: str) -> random.Random:
        """Return the generator of one purpose."""
        return random.Random(derive(self.settings.seed, *purpose))

    def documents(self) -> list[list[str]]:
        """Return the sentences of each document, as the stage `text` left them."""
        lines = (self.work / "text" / "documents.txt").read_text(encoding="utf-8")
        return [document.split("\n") for document in lines.removesuffix("\n").split("\n\n")]

    def sentences(self, count: int, *purpose: str) -> list[str]:
        """Return sentences of all documents, drawn without repetition."""
        every = list(chain.from_iterable(self.documents()))
        return self.random(*purpose).sample(every, min(count, len(every)))

    def vocabulary(self) -> list[str]:
        """Return the WordPieces, as the stage `vocabulary` left them."""
        pieces = (self.work / "vocabulary" / "vocab.txt").read_text(encoding="utf-8")
        return pieces.removesuffix("\n").split("\n")

    def texts(self) -> list[str]:
        """Return the texts of all families, family by family."""
        made: list[list[str]] = []
        for stage in ("families", "clauses"):
            content = (self.work / stage / "families.json").read_text(encoding="utf-8")
            made += json.loads(content)
        if not made:
            raise UsageError(f"{self.corpus}: no two sentences in it make a family")
        return list(chain.from_iterable(made))


def text(place: Workplace, folder: Path) -> None:
    """Clean the corpus, drop what is in the evaluation data, and cut it into sentences."""
    allowed = leaks.evaluation_filter(place.evaluation)
    every = chain(corpus.articles(place.corpus), corpus.reviews(place.corpus))
    documents = [kept for document in every if (kept := allowed.document(document))]
    write_text(folder / "documents.txt", "\n\n".join("\n".join(kept) for kept in documents))
    report = {
        "documents": len(documents),
        "sentences": sum(map(len, documents)),
        "dropped_documents": allowed.documents,
        "dropped_sentences_in_them": allowed.document_sentences,
        "dropped_further_sentences": allowed.sentences,
    }
    write_json(folder / "report.json", report)
    place.log(f"text: {report}")


def pieces(place: Workplace, folder: Path) -> None:
    """Train the vocabulary."""
    given = place.settings.vocabulary
    made = vocabulary.train(place.sentences(given.texts, "vocabulary"), given.pieces)
    write_text(folder / "vocab.txt", "\n".join(made))
    place.log(f"vocabulary: {len(made):,} pieces")


def relatives(place: Workplace, folder: Path) -> None:
    """Make the families of sentences."""
    made = families.families(place.documents(), place.settings.families, place.random("families"))
    _keep(place, made, folder)


def made_up(place: Workplace, folder: Path) -> None:
    """Make the families of clauses."""
    sentences = list(chain.from_iterable(place.documents()))
    made = clauses.clause_families(sentences, place.settings.clauses, place.random("clauses"))
    _keep(place, made, folder)


def _keep(place: Workplace, made: list[list[str]], folder: Path) -> None:
    """Write families without those that hold a text of the evaluation data."""
    allowed = leaks.evaluation_filter(place.evaluation)
    kept = [family for family in made if all(allowed.allows(member) for member in family)]
    report = {"families": len(kept), "dropped_families": len(made) - len(kept)}
    write_json(folder / "families.json", kept)
    write_json(folder / "report.json", report)
    place.log(f"{folder.name}: {report}")


def vectors(place: Workplace, folder: Path) -> None:
    """Ask the teacher for the vectors of all texts."""
    from tools.pretrain import teacher

    teacher.write_vectors(
        lambda: teacher.Teacher(place.teacher), place.texts(), folder / "vectors", place.log
    )


def write_text(file: Path, content: str) -> None:
    """Write a file whole or not at all, with a newline at its end."""
    part = file.with_suffix(".part")
    part.write_text(content + "\n", encoding="utf-8")
    part.replace(file)


def write_json(file: Path, content: Any) -> None:
    """Write a JSON file whole or not at all."""
    write_text(file, json.dumps(content, indent=1, ensure_ascii=False))
