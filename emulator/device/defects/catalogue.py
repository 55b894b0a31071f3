"""Find a defect by its id."""

import difflib

from emulator.device.defects import (
    answers,
    boot,
    client,
    decay,
    headers,
    records,
    session,
    signatures,
    trailers,
    trials,
    verdicts,
    verification,
)
from emulator.device.defects.model import Defect
from emulator.device.parts import Parts

#: Where defects are declared; a new module is one name here.
TABLES = (
    client.DEFECTS,
    session.DEFECTS,
    answers.DEFECTS,
    verification.DEFECTS,
    signatures.DEFECTS,
    trailers.DEFECTS,
    headers.DEFECTS,
    verdicts.DEFECTS,
    boot.DEFECTS,
    decay.DEFECTS,
    trials.DEFECTS,
    records.DEFECTS,
)

#: Every defect, by its id.
DEFECTS: dict[str, Defect] = {one.id: one for table in TABLES for one in table}


def parts_of(defect: str) -> Parts:
    """Return the parts of a bridge with a defect.

    Raises:
        KeyError: No defect has this id; names a close one.
    """
    found = DEFECTS.get(defect)
    if found is None:
        close = difflib.get_close_matches(defect, DEFECTS, n=1)
        hint = f"; did you mean {close[0]}?" if close else f"; known: {', '.join(DEFECTS)}"
        raise KeyError(f"no defect {defect!r}{hint}")
    return found.parts
