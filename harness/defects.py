"""Know every defect that can be planted, in bridges, in servers and in homes."""

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from emulator.errors import HanoverError, did_you_mean

if TYPE_CHECKING:
    from emulator import DefectFacts

#: The code that is meant by a tag in what a defect copies.
SOURCES = {
    "SL-C": "ota-client.c of the Simplicity SDK",
    "SL-SEC": "util.c of the Simplicity SDK",
    "TL": "ota.c of the Telink SDK",
    "EX-C": "the OTA client of Exegin",
    "ZB-C": "the OTA client of ZBOSS",
    "HM": "helpers/ota.ts of zigbee-herdsman",
}


class UnknownDefectError(HanoverError):
    """No defect has this id; the message names the nearest."""


def _of_bridges() -> "Sequence[DefectFacts]":
    from harness.lanes.direct import known_defects

    return known_defects()


def _of_servers() -> "Sequence[DefectFacts]":
    from emulator import DefectFacts
    from harness.servers.defects import SERVER_DEFECTS

    return [
        DefectFacts(
            id=one.id,
            title=one.title,
            copies=one.copies,
            caught_by=one.caught_by,
            vectors=(),
            where={},
            replaces=("hub",),
        )
        for one in SERVER_DEFECTS.values()
    ]


def _of_homes() -> "Sequence[DefectFacts]":
    from harness.premises.defects import home_defects

    return home_defects()


#: What can be given defects, by the suite that judges it.
SUITES: "dict[str, Callable[[], Sequence[DefectFacts]]]" = {
    "client": _of_bridges,
    "server": _of_servers,
    "premises": _of_homes,
}


def known(suite: str | None = None) -> "tuple[DefectFacts, ...]":
    """Return the defects of one suite, or of all, sorted by id."""
    names = SUITES if suite is None else (suite,)
    return tuple(sorted((one for name in names for one in SUITES[name]()), key=lambda one: one.id))


def told(copies: str) -> str:
    """Return what a defect copies, with the names of sources in the place of their tags."""
    return re.sub(r"\[([A-Z-]+)\]", lambda found: SOURCES[found[1]], copies)


def suite_of(id: str) -> str:
    """Return the suite whose cases judge what has a defect.

    Raises:
        UnknownDefectError: No defect has this id.
    """
    for suite in SUITES:
        if any(one.id == id for one in known(suite)):
            return suite
    raise _unknown(id)


def find(id: str) -> "DefectFacts":
    """Return one defect; its id may be in small letters.

    Raises:
        UnknownDefectError: No defect has this id.
    """
    for one in known():
        if one.id == id.strip().upper():
            return one
    raise _unknown(id)


def _unknown(id: str) -> UnknownDefectError:
    near = nearest(id, [one.id for one in known()])
    return UnknownDefectError(f"found {id}, wanted a defect{near}")


def nearest(id: str, ids: Sequence[str]) -> str:
    """Return the nearest of some ids to one that is not among them, as the end of a sentence."""
    return did_you_mean(id, ids) or f" of {ids[0]} to {ids[-1]}"
