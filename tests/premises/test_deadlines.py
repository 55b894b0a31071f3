"""A bridge in a home plans its wake anew wherever anything moved it, and wakes when it is due."""

import pytest

from emulator.device.crossing import Crossing
from emulator.units import HOUR, Us
from harness.premises.faults import parse_fault
from harness.premises.household import Household, image_for
from harness.premises.load import load


def wanted(crossing: Crossing) -> Us | None:
    """Return the earliest of all that the parts of a crossing wait for."""
    times = (crossing._application.deadline, crossing._outbox.deadline, crossing._alarm)
    return min((at for at in times if at is not None), default=None)


@pytest.mark.parametrize("name", ["C1", "C6", "C7"])
def test_deadline_is_that_of_the_earliest_part_behind_every_stimulus(name: str) -> None:
    premises = load(name)
    links = ["-".join(link.between) for link in premises.links]
    faults = [
        *(f"{link}:{flaw}=0.05" for link in links for flaw in ("loss", "duplicates", "late")),
        *(f"{one.name}:reboots=3" for one in premises.bridges),
        f"{premises.hub}:off@3m..9m",
    ]
    home = Household(
        premises,
        images={one.name: image_for(one.profile, size=900) for one in premises.bridges},
        faults=[parse_fault(one, premises) for one in faults],
    )
    assert home.start()
    bridges, seen = home.lane.bridges, set()

    def agrees() -> bool:
        for one, bridge in bridges.items():
            if bridge.crossing is not None:
                assert bridge.deadline == wanted(bridge.crossing), (home.now, one)
                seen.add((one, bridge.deadline))
        return False

    home.offer(*home.images)
    home.run(agrees, 2 * HOUR)
    assert len(seen) > 150
    assert {one for one, _ in seen} == bridges.keys()
