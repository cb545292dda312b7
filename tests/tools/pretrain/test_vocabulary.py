import os
import subprocess
import sys
from pathlib import Path

from mtbench_builtins.encoders.vocabulary import SPECIAL as OF_MINBERT
from tools.pretrain.vocabulary import ALPHABET, SPECIAL, train

# Many words, and many signs, that are equally frequent: ties are what chance could decide.
TEXTS = [
    *("The film was unwatchable, and the films were not.", "Café au lait; CAFE!") * 3,
    *("".join(chr(0x3B1 + (i + j) % 24) for j in range(5)) for i in range(24)),
    *(f"{chr(0x400 + i)}{chr(0x401 + i)} x{i}" for i in range(0, 300, 2)),
]


def test_special_pieces_come_first_and_no_piece_twice() -> None:
    pieces = train(TEXTS, 420)
    assert tuple(pieces[:5]) == SPECIAL == OF_MINBERT
    assert len(set(pieces)) == len(pieces) == 420


def test_pieces_are_lower_case_without_accents() -> None:
    pieces = train(["Café CAFE café film Films films"] * 9, 300)
    assert {"cafe", "film", "films"} <= {*pieces}
    assert [piece for piece in pieces[5:] if piece != piece.lower() or "é" in piece] == []


def test_there_are_fewer_pieces_where_the_texts_have_no_more() -> None:
    assert train(["ab ab"], 300) == [*SPECIAL, "a", "b", "##b", "ab"]


def test_rare_signs_have_no_piece() -> None:
    signs = {piece for piece in train(TEXTS, 5000)[5:] if len(piece) == 1}
    assert len(signs) <= ALPHABET < len({sign for text in TEXTS for sign in text.lower()})


def test_another_process_makes_the_same_pieces(root: Path) -> None:
    script = (
        "import sys; sys.path.append(sys.argv[1])\n"
        "from tools.pretrain.vocabulary import train\n"
        f"print(train({TEXTS!r}, 420))\n"
    )
    said = [
        subprocess.run(
            [sys.executable, "-c", script, str(root)],
            capture_output=True,
            text=True,
            check=True,
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf-8"},
        ).stdout
        for seed in ("1", "2")
    ]
    assert said == [f"{train(TEXTS, 420)}\n"] * 2
