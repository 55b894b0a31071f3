"""Know the mutants that nobody notices, and why each is none that anybody should."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILE = Path(__file__).with_name("survivors.toml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Survivor:
    """Be one explained mutant; ``where`` is a module and a function of it."""

    where: str
    before: str
    after: str
    reason: str

    @property
    def name(self) -> str:
        """Return what names it, as ``Mutant.name`` does."""
        return f"{self.where}: {self.before} -> {self.after}"

    @property
    def file(self) -> Path:
        """Return the file of its module."""
        return ROOT.joinpath(*self.where.rpartition(".")[0].split(".")).with_suffix(".py")


def survivors() -> tuple[Survivor, ...]:
    """Return all of them, in the order of the file."""
    rows = tomllib.loads(FILE.read_text("utf-8")).get("survivor", [])
    return tuple(Survivor(**row) for row in rows)


def table() -> str:
    """Return all of them as a table of Markdown."""
    lines = ["| Where | Change | Why nobody notices |", "| --- | --- | --- |"]
    for one in survivors():
        change = f"`{one.before}` → `{one.after}`".replace("|", "\\|")
        lines.append(f"| `{one.where}` | {change} | {one.reason} |")
    return "\n".join(lines) + "\n"
