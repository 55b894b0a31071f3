"""Make outcomes of homes by hand."""

from typing import Any

from emulator.units import HOUR, Us
from harness.premises.outcome import (
    BridgeOutcome,
    BridgeState,
    DeviceOutcome,
    HomeState,
    Outcome,
    StageKind,
    Stretch,
)
from harness.premises.plan import Plan


def stretch(name: str, stage: StageKind, from_us: Us, to_us: Us) -> Stretch:
    return Stretch(bridge=name, stage=stage, from_us=from_us, to_us=to_us)


def bridge(name: str, **more: Any) -> BridgeOutcome:  # noqa: ANN401 - its fields
    """Return a bridge that confirmed its image, but for what is given."""
    given: dict[str, Any] = {
        "type": "a type",
        "profile": "a profile",
        "role": name,
        "first_version": 1,
        "offered_version": 2,
        "version": 2,
        "state": BridgeState.CONFIRMED,
        "confirmed_us": None,
        "boots": 1,
        "rollbacks": (),
        "links": (("its peer", 1),),
        "battery_percent": None,
    }
    return BridgeOutcome(name=name, **given | more)


def device(name: str, dark: tuple[tuple[Us, Us], ...] = ()) -> DeviceOutcome:
    """Return a device that was dark at these times."""
    spans = [end - start for start, end in dark]
    return DeviceOutcome(
        name=name,
        kind=name,
        parent="remote_ihd",
        dark_us=sum(spans),
        longest_dark_us=max(spans, default=0),
        cycles=12,
        missed=len(spans),
        missed_in_a_row=min(len(spans), 1),
        dark=dark,
    )


def outcome(**more: Any) -> Outcome:  # noqa: ANN401 - its fields
    """Return what became of a home that was watched for two hours, but for what is given."""
    given: dict[str, Any] = {
        "premises": "C1",
        "assignment": "smallest",
        "seed": 0,
        "state": HomeState.CONFIRMED,
        "plan": Plan(steps=(("remote_ihd",), ("near",)), reasons=("remotes first",)),
        "bridges": (),
        "devices": (),
        "all_confirmed_us": None,
        "virtual_us": 2 * HOUR,
        "alerts": (),
        "spans": (),
    }
    return Outcome(**given | more)
