"""Escaping: characters of names and sentences that would act instead of being read."""

import re

HIDDEN = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u2028\u2029"  # control characters, and what breaks a line
    r"\ud800-\udfff\ufffe\uffff"  # no characters at all
    # What Unicode says to show nothing for, marks of the direction of writing among it, but for
    # the variation selectors, which emoji need.
    r"\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f"
    r"\u3164\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    r"\U000e0000-\U000e00ff\U000e01f0-\U000e0fff]"
    # A joiner joins letters of some scripts, and emoji; anywhere else it only hides.
    r"|(?<![^\x00-\x7f])[\u200c\u200d]|[\u200c\u200d](?![^\x00-\x7f])"
)
"""What a terminal obeys, or a reader does not see."""


def visible(text: str) -> str:
    r"""Return a text in one line, with what is ``HIDDEN`` in it as Python writes it.

    An escape is ``\x1b``, a line break ``\n``, a mark that turns the direction ``\u202e``. What
    is visible already stays as it is.
    """
    return HIDDEN.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
