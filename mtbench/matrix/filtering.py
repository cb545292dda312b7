"""Filters over names: ``pcgrad and not (cosine or linear)``."""

import re
from collections.abc import Callable, Sequence

from mtbench.errors import SHOWN, UsageError
from mtbench.system.bounds import DEEPEST

Predicate = Callable[[str], bool]

TOKEN = re.compile(r"""([()])|"([^"]*)"|'([^']*)'|([^\s()"']+)|(["'])""")
"""A bracket, a phrase, a word, or a quotation mark without its other half."""


def name_filter(expression: str) -> Predicate:
    """Return the test that an expression makes of a name.

    A word, or a quoted phrase, holds where it occurs in the name, upper or lower case;
    ``not``, ``and``, ``or`` and brackets join them, in that order of binding.

    Raises:
        UsageError: if the expression is no such thing.
    """
    parser = _Parser(expression)
    predicate = parser.disjunction()
    if parser.tokens:
        raise parser.error()
    return predicate


def fits_none(expression: str, names: Sequence[str], later: str = "") -> UsageError:
    """Say that an expression fits none of some cells' names.

    Args:
        later: what is to be told behind the names.
    """
    shown = "; ".join(names[:SHOWN]) + ("; ..." if len(names) > SHOWN else "")
    return UsageError(f"-k {expression!r} fits no cell (cells: {shown}{later})")


class _Parser:
    """Reads an expression from left to right; one method a level of binding."""

    def __init__(self, expression: str) -> None:
        self.expression = expression
        self.depth = 0
        matches = TOKEN.findall(expression)
        if any(stray for *_, stray in matches):
            raise self.error()
        self.tokens = [
            (double or single or bracket or word, not (double or single))
            for bracket, double, single, word, _ in matches
        ]

    def error(self) -> UsageError:
        return UsageError(
            f"-k {self.expression!r}: expected words joined by 'and', 'or', 'not' and brackets"
        )

    def disjunction(self) -> Predicate:
        parts = [self.conjunction()]
        while self._take("or"):
            parts.append(self.conjunction())
        return lambda name: any(holds(name) for holds in parts)

    def conjunction(self) -> Predicate:
        parts = [self.negation()]
        while self._take("and"):
            parts.append(self.negation())
        return lambda name: all(holds(name) for holds in parts)

    def negation(self) -> Predicate:
        expected = True
        while self._take("not"):
            expected = not expected
        holds = self.atom()
        return lambda name: holds(name) is expected

    def atom(self) -> Predicate:
        if self._take("("):
            self.depth += 1
            if self.depth > DEEPEST:
                raise UsageError(f"-k: brackets are nested more than {DEEPEST} deep")
            inner = self.disjunction()
            self.depth -= 1
            if not self._take(")"):
                raise self.error()
            return inner
        if not self.tokens or self.tokens[0] in [(w, True) for w in ("and", "or", ")")]:
            raise self.error()
        word = self.tokens.pop(0)[0].lower()
        return lambda name: word in name.lower()

    def _take(self, word: str) -> bool:
        if self.tokens and self.tokens[0] == (word, True):
            self.tokens.pop(0)
            return True
        return False
