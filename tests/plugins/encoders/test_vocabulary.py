from string import printable

from mtbench_builtins.encoders.parameters import MinBertParameters
from mtbench_builtins.encoders.tokenizer import WordPieceTokenizer
from mtbench_builtins.encoders.vocabulary import SPECIAL, vocabulary
from mtbench_builtins.tasks.sample_words import vocabulary as sample_words

UNKNOWN = SPECIAL.index("[UNK]")


def test_the_special_tokens_come_first_and_nothing_twice() -> None:
    pieces = vocabulary()
    assert pieces[:6] == ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "!")
    assert len(set(pieces)) == len(pieces)


def test_any_ascii_text_has_no_unknown_token() -> None:
    tokenizer = WordPieceTokenizer(MinBertParameters())
    [printed, prose] = tokenizer.encode([(printable,), ("Zebras (2) don't QUIZ @ 9:45 -- ok?",)])
    assert UNKNOWN not in printed.ids + prose.ids
    assert len(printed.ids) > len(prose.ids) > 10


def test_every_word_of_the_sample_tasks_is_one_token() -> None:
    tokenizer = WordPieceTokenizer(MinBertParameters())
    encoded = tokenizer.encode([(word,) for word in sample_words()])
    assert {len(sequence.ids) for sequence in encoded} == {3}
