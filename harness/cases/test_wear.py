"""A device whose flash wears out, or forgets what waits, refuses or finishes, and boots."""

import pytest

from emulator.contract import Capability
from emulator.profiles.model import BootScheme
from emulator.units import MINUTE, SECOND, Octets
from emulator.wire import ota
from emulator.wire.manifest import Trait
from emulator.wire.ota import ImageUpgradeStatus, Status
from harness.bench import Bench
from harness.covers import covers
from harness.dut.rungs import rungs
from harness.verdict import Unsupported

#: Seconds in which a device restarts and runs its new image.
_RESTART_S = 20
#: Offset of an octet that every image of a bench has.
_INSIDE = 100


@rungs(end=2)
@covers("OTA-C-039")
@pytest.mark.parametrize("sector", [0, 1], ids=["first_sector", "second_sector"])
def test_worn_slot_is_no_room(bench: Bench, sector: int) -> None:
    """A device that cannot erase the place for new images refuses one, or has all of it.

    Attack: a sector of the slot that images are stored in takes no erase; a good image is offered.
    Expect: no SUCCESS and the old version, or SUCCESS and the new one; over a power cycle too. The
    status is Normal, and it asks for images as before.
    Source: design section 8, promise 7; ZCL rev 8, 11.13.9.
    """
    bench.need(Capability.WEAR)
    start = bench.profile.flash.slot_b[0]
    size = _sector(bench, start)
    bench.wear(start + sector * size)
    verdict = bench.offer(bench.image(size=3 * size))
    bench.hub.serve()
    queries = bench.count(ota.QueryNextImageRequest)
    bench.wait(2 * bench.profile.ota.query_period_s * SECOND)
    assert bench.count(ota.QueryNextImageRequest) > queries
    keeps_its_word(bench, verdict)
    recovers(bench)


@rungs(end=2)
@covers("GB-066")
@pytest.mark.parametrize("late", [False, True], ids=["before_the_download", "after_the_verdict"])
def test_worn_record_costs_no_image(bench: Bench, late: bool) -> None:
    """A device that can note nothing any more about its images boots one that it had.

    Attack: no sector of the boot record takes an erase, before a download or from its end on.
    Expect: before, it refuses or installs the image; at the end, either version; it boots the same
    one over a power cycle.
    Source: design section 8, promises 1 and 7; gb-alt-han GB-066.
    """
    bench.need(Capability.WEAR)
    if not late:
        bench.wear(*_record(bench))
        keeps_its_word(bench, bench.offer(bench.image()))
    else:
        assert bench.offer(bench.image()) is Status.SUCCESS
        bench.wear(*_record(bench))
        bench.settle()
        stays_either(bench)
    recovers(bench)


@rungs(end=2)
@covers("GB-066")
@pytest.mark.parametrize("place", ["scratch", "second_slot", "first_slot"])
def test_exchange_is_given_up_whole(bench: Bench, place: str) -> None:
    """A device that cannot exchange its images runs the old one, and does not fetch for ever.

    Attack: from the verdict on, a sector that the exchange needs takes no erase.
    Expect: the old version runs, over a power cycle too; nothing is fetched in two periods.
    Source: docs/profiles.md, boot.scheme; design section 8, promises 1 and 7.
    """
    chunk = _chunk(bench)
    assert bench.offer(bench.image(size=2 * chunk)) is Status.SUCCESS
    bench.wear(_of_exchange(bench, place, chunk))
    bench.settle()
    stays_old(bench)
    recovers(bench)


@rungs(end=2)
@covers("GB-064")
@pytest.mark.parametrize("place", ["scratch", "second_slot"])
def test_way_back_is_open(bench: Bench, place: str) -> None:
    """A device whose new image is mute goes back though the exchange cannot be done again.

    Attack: in the trial of a mute image, a sector outside of the first slot takes no erase.
    Expect: the old version runs within the trial time, and stays.
    Source: docs/profiles.md, boot.scheme; gb-alt-han GB-064.
    """
    chunk = _chunk(bench)
    assert bench.offer(bench.image(size=2 * chunk, traits=Trait.MUTE)) is Status.SUCCESS
    bench.wait(_RESTART_S * SECOND + bench.trial_us // 4)
    bench.wear(_of_exchange(bench, place, 0))
    bench.settle(3 * bench.trial_us)
    stays_old(bench)
    recovers(bench)


@rungs(end=2)
@covers("GB-081")
def test_given_up_exchange_keeps_what_is_whole(bench: Bench) -> None:
    """A device that cannot exchange its images, and whose old one is damaged, runs the new one.

    Attack: the running image forgets an octet; from the verdict on, a sector that the exchange
    needs takes no erase.
    Expect: the new version runs, over a power cycle too.
    Source: docs/profiles.md, boot.scheme; gb-alt-han GB-081.
    """
    chunk = _chunk(bench)
    bench.need(Capability.PROBE)
    assert bench.offer(bench.image(size=2 * chunk)) is Status.SUCCESS
    bench.lane.damage(_INSIDE)
    bench.wear(_of_exchange(bench, "second_slot", chunk))
    bench.settle()
    assert bench.running_version() == bench.version(1)
    bench.power_cycle()
    assert bench.running_version() == bench.version(1)
    recovers(bench)


@rungs(end=2)
@covers("GB-066")
def test_closed_way_back_is_no_end(bench: Bench) -> None:
    """A device that must go back and cannot runs one of its images all the same.

    Attack: the hub is silent in the whole trial; a sector of the only place where images run takes
    no erase.
    Expect: either version runs, and the same one over a power cycle.
    Source: docs/profiles.md, boot.scheme; gb-alt-han GB-066.
    """
    chunk = _chunk(bench)
    assert bench.offer(bench.image(size=2 * chunk)) is Status.SUCCESS
    bench.hub.settings.silent = True
    bench.wait(_RESTART_S * SECOND + bench.trial_us // 4)
    bench.wear(_of_exchange(bench, "first_slot", 0))
    bench.wait(2 * bench.trial_us)
    bench.hub.settings.silent = False
    stays_either(bench)
    recovers(bench)


@rungs(end=2)
@covers("GB-081")
def test_damaged_waiting_image_is_fetched_anew(bench: Bench) -> None:
    """A device whose flash forgets an octet of an image that waits runs the old one, and asks anew.

    Attack: a verified image waits for its time; one bit of it changes in flash before.
    Expect: the damaged image never runs; it is fetched once more, and the new version runs.
    Source: gb-alt-han GB-081; design section 8, promises 2 and 3.
    """
    bench.need(Capability.WEAR)
    bench.hub.settings.end_times_s = (0, 600)
    assert bench.offer(bench.image()) is Status.SUCCESS
    blocks = bench.count(ota.ImageBlockRequest)
    bench.wait(MINUTE)
    bench.lane.damage(_INSIDE, standby=True)
    bench.wait(2 * bench.profile.ota.query_period_s * SECOND)
    assert bench.count(ota.ImageBlockRequest) >= 2 * blocks
    assert bench.running_version() == bench.version(1)

    bench.hub.settings.end_times_s = (0, 0)
    recovers(bench)


@rungs(end=2)
@covers("GB-067")
@pytest.mark.parametrize("noted", range(4), ids=lambda times: f"{times}_times_noted")
def test_confirmation_needs_no_erase(bench: Bench, noted: int) -> None:
    """A device that reaches the hub in its trial keeps the image, whatever wore out meanwhile.

    Attack: in the trial, after its time was noted so often, no sector of the boot record takes an
    erase any more; only then does the hub answer.
    Expect: the new version runs after a power cycle.
    Source: design section 8, promise 4; gb-alt-han GB-067.
    """
    bench.need(Capability.WEAR)
    assert bench.offer(bench.image()) is Status.SUCCESS
    bench.hub.settings.silent = True
    bench.wait((_RESTART_S + noted * bench.profile.boot.trial_checkpoint_s) * SECOND)
    assert bench.running_version() == bench.version(1)
    bench.wear(*_record(bench))
    bench.hub.settings.silent = False
    bench.settle()
    bench.power_cycle()
    assert bench.running_version() == bench.version(1)
    recovers(bench)


def keeps_its_word(bench: Bench, verdict: Status | int | None) -> None:
    """See that the new image runs if the device took it, else the old; over a power cycle too.

    Who takes none says so in an Upgrade End Request, or asks for no block of it.
    """
    assert verdict is not None or bench.count(ota.ImageBlockRequest) == 0
    expected = bench.version(1 if verdict is Status.SUCCESS else 0)
    bench.settle()
    assert bench.upgrade_status() is ImageUpgradeStatus.NORMAL
    assert bench.running_version() == expected
    bench.power_cycle()
    assert bench.running_version() == expected


def stays_old(bench: Bench) -> None:
    """See that the old image runs, over a power cycle too, and that none is fetched again."""
    assert bench.running_version() == bench.version(0)
    bench.power_cycle()
    assert bench.running_version() == bench.version(0)
    blocks = bench.count(ota.ImageBlockRequest)
    bench.wait(2 * bench.profile.ota.query_period_s * SECOND)
    assert bench.count(ota.ImageBlockRequest) == blocks


def stays_either(bench: Bench) -> None:
    """See that the old or the new image runs, and the same one over a power cycle."""
    running = bench.running_version()
    assert running in (bench.version(0), bench.version(1))
    bench.power_cycle()
    assert bench.running_version() == running


def recovers(bench: Bench) -> None:
    """Be the control: with flash as new, the device takes an image."""
    bench.hub.serve()  # nothing that is fetched before
    bench.wear()
    bench.power_cycle()
    assert bench.upgrade(bench.image(bench.version(2))) == bench.version(2)


def _sector(bench: Bench, address: Octets) -> Octets:
    return bench.profile.flash.chip_of(address).erase_size_octets


def _record(bench: Bench) -> range:
    """Return where the sectors of the boot record begin."""
    start, end = bench.profile.flash.boot_record
    return range(start, end, _sector(bench, start))


def _chunk(bench: Bench) -> Octets:
    """Return how much of two images is exchanged at once.

    Raises:
        Unsupported: Images run where they lie, or nobody reaches into flash.
    """
    bench.need(Capability.WEAR)
    scratch = bench.profile.flash.scratch
    if bench.profile.boot.scheme is not BootScheme.SWAP or scratch is None:
        raise Unsupported("images run where they lie, none are exchanged")
    return scratch[1] - scratch[0]


def _of_exchange(bench: Bench, place: str, offset: Octets) -> Octets:
    """Return the address of a sector in one of the places that an exchange writes to."""
    flash = bench.profile.flash
    if place == "scratch" and flash.scratch is not None:
        return flash.scratch[0]
    return (flash.slot_b if place == "second_slot" else flash.slot_a)[0] + offset
