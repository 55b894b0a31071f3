"""Find a defect by its id."""

from emulator.device.defects import (
    answers,
    battery,
    boot,
    client,
    decay,
    headers,
    network,
    premises,
    records,
    session,
    signatures,
    trailers,
    trials,
    verdicts,
    verification,
    wear,
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
    network.DEFECTS,
    trials.DEFECTS,
    records.DEFECTS,
    wear.DEFECTS,
    battery.DEFECTS,
)

#: Every defect, by its id.
DEFECTS: dict[str, Defect] = {one.id: one for table in TABLES for one in table}
#: Those that show only among the bridges of a home.
HOME_DEFECTS: dict[str, Defect] = {one.id: one for one in premises.DEFECTS}


def parts_of(defect: str) -> Parts:
    """Return the parts of a bridge with a defect.

    Raises:
        KeyError: No defect has this id.
    """
    found = DEFECTS.get(defect) or HOME_DEFECTS.get(defect)
    if found is None:
        raise KeyError(f"no defect {defect!r}")
    return found.parts
