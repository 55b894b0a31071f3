"""Hold deliberate faults: each a bridge with one part replaced, and the case that must catch it."""

from emulator.device.parts import SOUND, Parts


def parts_of(defect: str | None) -> Parts:
    """Return the parts of a bridge with that defect, of a sound one for None."""
    if defect is None:
        return SOUND
    raise KeyError(defect)
