"""Lay out a file of vectors in the one way that shows a change as few lines."""

import json
from typing import Any

#: Columns of a line; what fits on one stays on one.
_COLUMNS = 100
#: What is told apart line by line even if it would fit.
_SPREAD = frozenset({"vectors", "notes"})


def text_of(document: dict[str, Any]) -> str:
    """Return the text of a file of vectors, or of a base or a schema."""
    return _laid(document, 0, 0, spread=True) + "\n"


def _laid(value: Any, indent: int, column: int, *, spread: bool) -> str:  # noqa: ANN401 - JSON
    """Return a value that begins at a column, in lines that are indented so far."""
    flat = json.dumps(value, ensure_ascii=False)
    empty = not isinstance(value, dict | list) or not value
    if empty or (not spread and column + len(flat) < _COLUMNS):
        return flat
    inner, pad = indent + 2, " " * (indent + 2)
    if isinstance(value, list):
        rows = [_laid(each, inner, inner, spread=spread and _is_row(each)) for each in value]
        return "[\n" + ",\n".join(pad + row for row in rows) + "\n" + " " * indent + "]"
    rows = []
    for key, each in value.items():
        name = f"{json.dumps(key, ensure_ascii=False)}: "
        wide = spread and indent == 0 and key in _SPREAD
        rows.append(pad + name + _laid(each, inner, inner + len(name), spread=wide))
    return "{\n" + ",\n".join(rows) + "\n" + " " * indent + "}"


def _is_row(value: object) -> bool:
    """Tell whether this is a vector: one field a line, however short."""
    return isinstance(value, dict) and "id" in value
