"""What ``hanover upgrade`` concludes where only the air tells: the lane has no reports to trust."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from emulator.contract import Capability
from emulator.profiles.load import load
from emulator.units import SECOND
from emulator.wire.manifest import Trait
from harness.adaptation import adapt
from harness.bench import Bench
from harness.firmware import FIRST_VERSION, NEXT_VERSION, built, filler
from harness.lanes.port import Lane
from harness.upgrade import Ending, Session, Tally, Upgrade

PROFILE = load("B1")


class OnAir:
    """Be a lane whose time is called real, so that nothing but the air is believed."""

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self.capabilities = lane.capabilities - {Capability.VIRTUAL_TIME}

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - the lane's
        return getattr(self._lane, name)


def image(version: int = NEXT_VERSION, **more: Any) -> bytes:  # noqa: ANN401
    return built(PROFILE, filler(1500, version), version, **more)


def upgraded(octets: bytes, **changes: Any) -> tuple[Upgrade, list[Tally]]:  # noqa: ANN401
    """Upgrade a device that runs the first version, and return what is said of it."""
    plan = adapt(octets, PROFILE, strict=False)
    plan = replace(plan, image=replace(plan.image, **changes))
    seen: list[Tally] = []
    bench = Bench(PROFILE, fit=lambda lane: OnAir(lane))  # type: ignore[arg-type, return-value]
    try:
        return Session(bench, plan, lambda tally: seen.append(replace(tally))).run(), seen
    finally:
        bench.close()


def test_a_good_image_is_confirmed() -> None:
    result, seen = upgraded(image())
    assert (result.ending, result.reason) == (Ending.CONFIRMED, "")
    assert (result.version_before, result.version_after) == (FIRST_VERSION, NEXT_VERSION)
    assert result.good
    left = [one.left_us for one in seen]
    assert left[0] is None  # nothing is known of its rate
    assert left[-1] == 0
    assert all(a >= b for a, b in pairwise(left) if a and b)


def test_a_spoilt_image_is_refused() -> None:
    good = image()
    spoilt = good[:-1] + bytes((good[-1] ^ 1,))
    result, _ = upgraded(spoilt)
    assert result.ending is Ending.REFUSED
    assert result.reason == f"it runs version 0x{FIRST_VERSION:08X}"
    assert not result.good


@pytest.mark.parametrize("trait", [Trait.MUTE, Trait.DEAF, Trait.CRASHES])
def test_an_image_that_cannot_live_is_not_good(trait: Trait) -> None:
    result, _ = upgraded(image(traits=trait))
    assert result.ending in (Ending.UNFINISHED, Ending.ROLLED_BACK)
    assert result.version_after == FIRST_VERSION
    assert f"version 0x{FIRST_VERSION:08X}" in result.reason
    assert not result.good


@pytest.mark.parametrize(
    ("octets", "changes", "why"),
    [
        (
            image(version=FIRST_VERSION),
            {},
            f"the device runs 0x{FIRST_VERSION:08X}, the file is 0x{FIRST_VERSION:08X}",
        ),
        (image(), {"image_type": 7}, "the device is 0xFFF1-0x0001, the file is for 0xFFF1-0x0007"),
        (
            image(hardware=(0x0900, 0x0900)),
            {},
            "the device is hardware 0x0102, which the file is not for",
        ),
    ],
)
def test_a_file_that_is_not_for_the_device_is_not_offered(
    octets: bytes, changes: dict[str, int], why: str
) -> None:
    result, seen = upgraded(octets, **changes)
    assert (result.ending, result.reason) == (Ending.UNFINISHED, why)
    assert result.status is None
    assert result.blocks == 0
    assert not seen
    assert result.download_us == 0  # nobody waits for what cannot come


class Relapsing(Bench):
    """Be a bench whose device says once that it runs the new version, and then the old one."""

    said = 0

    def value(self, attribute: int) -> int | bytes | None:
        found = super().value(attribute)
        if found == NEXT_VERSION:
            self.said += 1
            return NEXT_VERSION if self.said == 1 else FIRST_VERSION
        return found

    def provoke(self, *_: Any, **__: Any) -> bool:  # noqa: ANN401
        """Tell that it does not ask the hub, whoever notifies it."""
        return False


def test_a_device_that_goes_back_is_seen_to() -> None:
    plan = adapt(image(), PROFILE, strict=False)
    bench = Relapsing(PROFILE, fit=lambda lane: OnAir(lane))  # type: ignore[arg-type, return-value]
    result = Session(bench, plan, lambda _: None).run()
    bench.close()
    assert result.ending is Ending.ROLLED_BACK
    assert result.reason == f"it ran the new version, and now version 0x{FIRST_VERSION:08X}"
    assert bench.said > 1
    assert result.total_us < PROFILE.boot.confirm_within_s * SECOND  # no need to wait on
