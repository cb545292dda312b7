"""CSV: a document's records, as a spreadsheet opens them."""

import csv
import io
import re

from mtbench.rendering.document import Document
from mtbench.rendering.escaping import visible

FORMULA = re.compile(r"[\t\r\n]|\s*[-=+@\uff0d\uff1d\uff0b\uff20]")
"""How a text begins that a spreadsheet may run; some take the wide signs of East Asia too."""


def render(document: Document) -> str:
    """Return one row a record; None is an empty cell, numbers keep all digits.

    A text, also one of the heading, has its control characters escaped (``escaping.visible``),
    and an apostrophe before it where a spreadsheet would run it as a formula. Without records the
    text is empty.
    """
    records = document.records()
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for row in [*records[:1], *(record.values() for record in records)]:
        writer.writerow([_cell(value) if isinstance(value, str) else value for value in row])
    return text.getvalue().rstrip("\n")


def _cell(text: str) -> str:
    return ("'" if FORMULA.match(text) else "") + visible(text)
