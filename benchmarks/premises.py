"""Measure what whole homes cost: one large one, a thousand small ones, and against their parts.

A home counts from its first supply to the verdict on it: hub, bridges, links, display and meter,
and the time behind the last confirmation in which a trial could still end; no trace. It is measured
against its parts twice: the same home where one bridge after the other takes its image in a home of
its own, and the same bridges without any home, each alone on a direct lane, where no block crosses
a second hop. zigpy's codec encodes and decodes as many block exchanges as the home makes, and
nothing else. Run it as ``python -m benchmarks.premises``; 1 if a limit is missed.
"""

import gc
import resource
from dataclasses import replace
from statistics import median
from time import process_time
from typing import NamedTuple

from benchmarks.exchange import zigpy_once
from emulator.actions import Happening, Report
from emulator.profiles.load import overlay
from emulator.profiles.model import Profile
from emulator.units import HOUR, MINUTE, Octets, Us
from emulator.wire import ota
from harness.firmware import FIRST_VERSION, identity_of
from harness.hub.images import served
from harness.hub.server import Hub
from harness.inquiry import put
from harness.lanes.direct import DirectLane
from harness.lanes.port import Setup, never
from harness.lanes.seeds import hub_chance, node_seed
from harness.premises.conductor import longest_trial_us
from harness.premises.household import FACTORY_OCTETS, Household, image_for
from harness.premises.load import load
from harness.premises.model import Bridge, Premises
from harness.trace import Trace

KIBIBYTE = 1 << 10
LARGE, LARGE_OCTETS, LARGE_LIMIT_S = "C7", 256 * KIBIBYTE, 3.0
SMALL, SMALL_OCTETS, SMALL_LIMIT_S = "C1", 16 * KIBIBYTE, 90.0
HOMES, HOME_LIMIT_MIB = 1000, 1.0
#: How many times what its bridges cost alone a home may cost.
LIMIT = 1.2
ROUNDS = 5
ALONE_EUI64 = 0x00124B00_47000001


def roomy(premises: Premises) -> Premises:
    """Return a home whose slots have room for a large image; nothing else of it changes."""
    room = LARGE_OCTETS + 8 * KIBIBYTE
    bridges = [replace(one, profile=_roomy(one.profile, room)) for one in premises.bridges]
    return replace(premises, bridges=tuple(bridges))


def _roomy(profile: Profile, room: Octets) -> Profile:
    areas = {"slot_a": room, "slot_b": room}
    for name, (start, end) in profile.flash.areas.items():
        areas.setdefault(name, end - start)
    map_: dict[str, object] = {}
    at = 0
    for name, octets in areas.items():
        map_[f"flash.{name}"] = (at, at + octets)
        at += octets
    return overlay(profile, {**map_, "flash.size_octets": at})


def images_of(premises: Premises, size: Octets) -> dict[str, bytes]:
    """Return an image for each bridge, with so much firmware in it."""
    return {one.name: image_for(one.profile, size=size) for one in premises.bridges}


def upgraded(home: Household) -> tuple[float, int, Us]:
    """Upgrade a home; return the processor's seconds, the blocks, and the virtual time of it."""
    start = process_time()
    if not home.start():
        raise RuntimeError(f"{home.premises.name} does not come up")
    outcome = home.upgrade()
    took = process_time() - start
    if not outcome.good:
        raise RuntimeError("\n".join(outcome.summary()))
    return took, home.hub.blocks, outcome.virtual_us


class _Ear(Trace):
    """Keep nothing but whether an image was confirmed."""

    confirmed = False

    def __call__(self, now: Us, who: str, what: str, subject: object) -> None:
        if type(subject) is Report and subject.what is Happening.CONFIRMED:
            self.confirmed = True


def alone(one: Bridge, image: bytes) -> float:
    """Return the seconds that one bridge takes for its image, with a hub and nobody else."""
    profile, hub, ear = one.profile, Hub(seed=0, rng=hub_chance(0)), _Ear()
    hub.settings.encrypt = profile.ota.aps_encrypt
    identity = identity_of(profile, ALONE_EUI64)
    first = image_for(profile, version=FIRST_VERSION, size=FACTORY_OCTETS)
    setup = Setup(
        profile=profile,
        identity=identity,
        image=first,
        version=FIRST_VERSION,
        seed=node_seed(0, one.name),
        hub=hub,
        trace=ear,
    )
    lane = DirectLane(setup)
    start = process_time()
    lane.power(True)
    lane.run(lambda: hub.counts.get(ota.QueryNextImageRequest, 0) > 0, HOUR)
    hub.serve(served(image))
    notify = ota.ImageNotify(payload_type=ota.NotifyType.JITTER, query_jitter=100)
    put(lane, hub.tell(notify, hub.members[ALONE_EUI64], now=lane.now))
    if not lane.run(lambda: ear.confirmed, 24 * HOUR):
        raise RuntimeError(f"{profile.name} alone does not confirm")
    lane.run(never, longest_trial_us(one))
    return process_time() - start


def codec(blocks: int) -> float:
    """Return the seconds of zigpy's codec for so many block exchanges; a tenth is measured."""
    start = process_time()
    for _ in range(blocks // 10):
        zigpy_once()
    return (process_time() - start) * 10


class Costs(NamedTuple):
    """Hold the seconds of one round."""

    home: float
    one_by_one: float
    alone: float
    codec: float


def large() -> bool:
    """Print what one large home costs, and against what; tell whether it is within its limits."""
    premises = roomy(load(LARGE))
    images = images_of(premises, LARGE_OCTETS)
    rounds = []
    virtual_us = blocks = 0
    for number in range(ROUNDS + 1):
        gc.collect()
        took, blocks, virtual_us = upgraded(Household(premises, images=images))
        each = [upgraded(Household(premises, images={name: images[name]}))[0] for name in images]
        bare = [alone(one, images[one.name]) for one in premises.bridges]
        if number:  # the first round warms up
            rounds.append(Costs(took, sum(each), sum(bare), codec(blocks)))
    took = median(one.home for one in rounds)
    ratio = median(one.home / one.one_by_one for one in rounds)
    bare_ratio = median(one.home / one.alone for one in rounds)
    minutes = virtual_us / MINUTE
    print(f"{LARGE}, {LARGE_OCTETS // KIBIBYTE} KiB an image    {took:6.2f} s  ({LARGE_LIMIT_S} s)")
    print(f"  {blocks:,} blocks, {blocks / took:,.0f} a second")
    print(f"  {minutes:.0f} virtual minutes, {minutes / took:,.0f} a second")
    print(f"  its bridges, one by one  {ratio:6.2f} times  ({LIMIT})")
    print(f"  its bridges, no home     {bare_ratio:6.2f} times  ({LIMIT})")
    print(f"  zigpy's codec            {median(one.home / one.codec for one in rounds):6.2f} times")
    return took <= LARGE_LIMIT_S and max(ratio, bare_ratio) <= LIMIT


def many() -> bool:
    """Print what many small homes cost that all stay; tell whether they are within their limits."""
    premises = load(SMALL)
    images = images_of(premises, SMALL_OCTETS)
    upgraded(Household(premises, images=images))
    gc.collect()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = process_time()
    homes = []
    for number in range(HOMES):
        home = Household(premises, images=images, seed=number, home=number)
        upgraded(home)
        homes.append(home)
    took = process_time() - start
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / KIBIBYTE / len(homes)
    what = f"{HOMES:,} homes {SMALL}, {SMALL_OCTETS // KIBIBYTE} KiB"
    print(f"{what}  {took:6.1f} s  ({SMALL_LIMIT_S} s)")
    print(f"  memory of each           {grown:6.2f} MiB  ({HOME_LIMIT_MIB} MiB)")
    return took <= SMALL_LIMIT_S and grown < HOME_LIMIT_MIB


def main() -> int:
    """Print all of it; 1 if a limit is missed."""
    small, one = many(), large()  # memory first: the peak is that of the whole process
    return int(not (small and one))


if __name__ == "__main__":
    raise SystemExit(main())
