"""Read the tables of a page."""

from html.parser import HTMLParser
from pathlib import Path
from typing import TypeAlias

Table: TypeAlias = list[list[str]]


class _Reader(HTMLParser):
    """Collect the rows of every table, a text a cell."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: list[Table] = []
        self._in_cell = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
            self._in_cell = True

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._in_cell = False

    def handle_data(self, data: str) -> None:
        if self._in_cell:
            self.tables[-1][-1][-1] += data.strip()


def tables_in(page: Path) -> list[Table]:
    """Return the tables of a page, row by row."""
    reader = _Reader()
    reader.feed(page.read_text("utf-8"))
    return reader.tables
