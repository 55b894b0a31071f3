"""Say what a defect is, and hold the small tools that defects are made with."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from emulator.device.parts import SOUND, Parts
from emulator.ota.client import OtaClient
from emulator.ota.table import table_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect:
    """Be one deliberate fault: a bridge with one part replaced, and who must notice.

    Args:
        id: D001 and up, for ever.
        title: What the bridge does wrong, in a few words.
        copies: The real bug that it copies, or the rule that it breaks.
        parts: The parts of such a bridge.
        caught_by: Names of the cases that must fail on it.
        vectors: Ids of the vectors that must, where such a case is driven by vectors.
        where: The bridges on which it shows: keys of a profile, and the values that count.
    """

    id: str
    title: str
    copies: str
    parts: Parts
    caught_by: tuple[str, ...]
    vectors: tuple[str, ...] = ()
    where: Mapping[str, tuple[object, ...]] = field(default_factory=dict)


def with_parts(**replaced: Any) -> Parts:  # noqa: ANN401 - the fields of Parts
    """Return the parts of a sound bridge with some replaced."""
    return replace(SOUND, **replaced)


def with_client(client: type[OtaClient]) -> Parts:
    """Return the parts of a bridge whose client does some things its own way."""
    return with_parts(client=client, table=table_of(client))
