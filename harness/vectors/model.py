"""Be the test vectors as data: what one is, and what is said when one is wrong."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emulator.errors import HanoverError


class VectorError(HanoverError, ValueError):
    """A file of vectors is wrong: which, where in it, what was found and what was wanted.

    Args:
        file: The file, as seen from the folder of the vectors.
        id: Id of the vector; empty where the fault lies outside all of them.
        field: Dotted name of the field.
        found: What stands there.
        wanted: What should.
    """

    def __init__(self, file: str, id: str, field: str, found: str, wanted: str) -> None:
        where = ": ".join(part for part in (file, id, field) if part)
        super().__init__(f"{where}{': ' if where else ''}found {found}, wanted {wanted}")
        self.file, self.id, self.field = file, id, field
        self.found, self.wanted = found, wanted

    def __reduce__(self) -> tuple[type, tuple[str, str, str, str, str]]:
        return type(self), (self.file, self.id, self.field, self.found, self.wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Say why vectors with a flag exist, and where that is written."""

    flag: str
    kind: str
    text: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Vector:
    """Be one row of test data.

    Args:
        id: Its id for ever, like ``IV-014``.
        family: Folder that it lies in; its case has the same name.
        topic: File that it lies in, without ``.json``.
        comment: What is special about its input, in one sentence.
        flags: Names of its notes.
        requirements: Ids of the requirements that it judges.
        needs: What a device must have for it to say anything; empty: nothing.
        body: The whole JSON object; nobody may change it.
        notes: The notes of its flags, in the order of the flags.
        file: Where it was read.
    """

    id: str
    family: str
    topic: str
    comment: str
    flags: tuple[str, ...]
    requirements: tuple[str, ...]
    needs: Mapping[str, Any]
    body: Mapping[str, Any] = field(repr=False, hash=False)
    notes: tuple[Note, ...] = field(default=(), repr=False)
    file: Path = field(default=Path(), repr=False)

    @property
    def folder(self) -> Path:
        """Return the folder of vectors that it belongs to, with ``bases`` beside its family."""
        return self.file.parent.parent

    @property
    def place(self) -> str:
        """Return its file as complaints name it."""
        return f"{self.family}/{self.topic}.json"

    @property
    def source(self) -> str:
        """Return where its notes come from, each place once."""
        return "; ".join(dict.fromkeys(note.source for note in self.notes))

    def error(self, field: str, found: str, wanted: str) -> VectorError:
        """Return the error of one of its fields."""
        return VectorError(self.place, self.id, field, found, wanted)
