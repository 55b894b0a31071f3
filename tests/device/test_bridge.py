"""The life of a bridge: join, download, restart, trial, rollback, and what it never forgets."""

import json
from collections.abc import Iterator

import pytest

from emulator.actions import Activate, Happening, Join, Joined, Left, Report
from emulator.contract import Identity
from emulator.device.bridge import Bridge
from emulator.device.probe import Probe
from emulator.errors import BootError
from emulator.faults import CutKind, CutPower, Leg, Selector, TruncateFrame
from emulator.flash.nor import Content, Snapshot
from emulator.link.chance import stream
from emulator.profiles.load import load, names, overlay
from emulator.profiles.model import Profile
from emulator.units import DAY, HOUR, MINUTE, SECOND
from emulator.wire import ota
from emulator.wire.manifest import Trait
from emulator.wire.ota import Attribute, ImageUpgradeStatus, Status
from harness.bench import Bench
from harness.firmware import FIRST_VERSION, NEXT_VERSION
from harness.hub.settings import refuse
from tests.device.benches import bench, bridge_of

SIZE = 1500
BLOCK = 40


def reports(made: Bench) -> list[Happening]:
    return [row[3].what for row in made.trace.rows if isinstance(row[3], Report)]


def details(made: Bench, what: Happening) -> dict[str, int | str]:
    """Return the details of the newest report of one sort."""
    found = [row[3] for row in made.trace.rows if isinstance(row[3], Report)]
    return dict(next(one.details for one in reversed(found) if one.what is what))


def rows(made: Bench) -> Iterator[str]:
    """Yield one word for each thing that happened to the bridge: a frame's name, or what it did."""
    for line in made.trace.lines():
        row = json.loads(line)
        if row["who"] == "dut":
            yield row.get("frame") or row.get("report") or row["what"]


# Coming up.


@pytest.mark.parametrize("name", names())
def test_a_new_bridge_joins_announces_itself_and_finds_the_hub(name: str) -> None:
    made = bench(name)
    seen = [row for row in rows(made) if row != "lost"]
    assert seen[:4] == ["power", "booted", "join", "DeviceAnnounce"]
    assert [row for row in seen[4:] if row != "lost"][:4] == [
        "MatchDescriptorRequest",
        "IeeeAddressRequest",
        "server found",
        "QueryNextImageRequest",
    ]


def test_a_bridge_before_its_factory_does_not_boot() -> None:
    bridge = Bridge(load("B1"), stream)
    with pytest.raises(RuntimeError, match="before factory"):
        bridge.power_on(0)
    assert bridge.deadline is None


def test_an_image_too_large_for_its_slot_is_refused_by_the_factory() -> None:
    bridge = Bridge(load("B1"), stream)
    identity = Identity(eui64=1, manufacturer=2, image_type=3, hardware_version=4)
    with pytest.raises(ValueError, match="slot of"):
        bridge.factory(identity, bytes(0x40001), 1, 0)


def test_a_bridge_asks_to_join_until_it_may() -> None:
    made = Bench(load("B1"))
    made.hub.settings.whitelist = frozenset()
    made.lane.power(True)
    made.wait(10 * MINUTE)
    assert list(rows(made)).count("join") == 11
    assert made.hub.heard == []
    made.hub.settings.whitelist = None
    made.wait(10 * MINUTE)
    assert list(rows(made)).count("join") == 12
    assert made.running_version() == FIRST_VERSION


def test_a_bridge_that_knows_its_network_rejoins_it_and_remembers_the_hub() -> None:
    made = bench()
    made.power_cycle()
    assert made.count(ota.QueryNextImageRequest) == 2
    assert list(rows(made)).count("MatchDescriptorRequest") == 1
    assert made.value(Attribute.UPGRADE_SERVER_ID) == made.hub.eui64


def test_a_bridge_off_the_network_joins_anew_and_goes_on() -> None:
    made = bench()
    made.start_download(made.image(size=SIZE), blocks=5)
    bridge = bridge_of(made)
    (join,) = bridge.event(Left(), made.now)
    assert join == Join(eui64=made.identity.eui64, rejoin=False)
    assert (
        bridge.receive(
            made.hub.tell(
                ota.ImageNotify(payload_type=ota.NotifyType(0), query_jitter=100), made.address
            )[0].datagram,
            made.now,
        )
        == ()
    )
    actions = bridge.event(Joined(address=made.address), made.now)
    resumed = [one for one in actions if isinstance(one, Report)]
    assert [one.what for one in resumed] == [Happening.DOWNLOAD_RESUMED]
    assert dict(resumed[0].details)["offset"] == 160


def test_a_dead_bridge_says_so() -> None:
    made = bench()
    bridge = bridge_of(made)
    made.cut_power()
    corrupt(bridge, bridge.profile.flash.slot_a[0] + 5)
    with pytest.raises(BootError):
        bridge.power_on(made.now)
    made.lane.power(True)
    made.wait(HOUR)
    assert not made.lane.powered
    assert "dead" in list(rows(made))


def corrupt(bridge: Bridge, address: int) -> None:
    """Change one octet of flash, as decay would."""
    moment = bridge.flash.snapshot()
    pages = list(moment.content.pages)
    index, at = divmod(address, len(pages[0]))
    page = bytearray(pages[index])
    page[at] ^= 0x55
    pages[index] = bytes(page)
    content = Content(tuple(pages), moment.content.masks)
    bridge.flash.restore(Snapshot(content, moment.operations))


# Going on after a reset.


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize("blocks", [2, 9, 25])
def test_a_download_goes_on_after_a_reset_from_what_is_in_flash(name: str, blocks: int) -> None:
    made = bench(name)
    image = made.image(size=SIZE)
    asked = made.start_download(image, blocks=blocks)
    queries = made.count(ota.QueryNextImageRequest)
    before = made.count(ota.ImageBlockRequest)
    made.cut_power()
    made.wait(SECOND)
    made.lane.power(True)
    assert made.verdict() is Status.SUCCESS
    assert made.count(ota.QueryNextImageRequest) == queries
    first = made.heard(ota.ImageBlockRequest)[before].file_offset
    unit = made.profile.flash.program_size_octets
    assert asked - asked % unit - unit <= first <= asked
    assert first % unit == 0
    made.settle()
    assert made.running_version() == NEXT_VERSION


def test_another_image_after_a_reset_starts_from_the_beginning() -> None:
    made = bench()
    made.start_download(made.image(size=SIZE), blocks=20)
    made.cut_power()
    third = made.image(0x03000000, size=SIZE)
    made.hub.serve()  # what was begun is served no more
    made.start()
    made.wait(MINUTE)
    assert made.upgrade_status() is ImageUpgradeStatus.NORMAL
    assert made.upgrade(third) == 0x03000000


def test_a_verified_image_that_waits_is_verified_again_after_a_reset() -> None:
    made = bench()
    made.hub.settings.end_times_s = (0, 600)
    assert made.offer(made.image(size=SIZE)) is Status.SUCCESS
    made.wait(SECOND)
    blocks = made.count(ota.ImageBlockRequest)
    made.cut_power()
    made.lane.power(True)
    assert made.verdict() is Status.SUCCESS
    assert made.count(ota.ImageBlockRequest) == blocks
    assert reports(made).count(Happening.IMAGE_ACCEPTED) == 2
    assert details(made, Happening.DOWNLOAD_RESUMED)["offset"] == len(made.image(size=SIZE))
    made.settle(HOUR)
    assert made.running_version() == NEXT_VERSION


@pytest.mark.parametrize("reset", [True, False])
def test_an_image_that_decays_while_it_waits_never_boots(reset: bool) -> None:
    """Between verification and boot one octet of the standby slot changes."""
    made = bench(ota__query_period_s=7200)
    made.hub.settings.end_times_s = (0, 600)
    assert made.offer(made.image(size=SIZE)) is Status.SUCCESS
    bridge = bridge_of(made)
    corrupt(bridge, bridge.profile.flash.slot_b[0] + 700)
    ends = len(made.heard(ota.UpgradeEndRequest))
    if reset:
        made.cut_power()
        made.lane.power(True)
    made.wait(20 * MINUTE)
    assert made.running_version() == FIRST_VERSION
    assert (Happening.SLOT_INVALID in reports(made)) is not reset  # else seen before it is staged
    ended = [one.status for one in made.heard(ota.UpgradeEndRequest)][ends:]
    assert Status.INVALID_IMAGE in ended
    made.settle(DAY)  # the update is not lost: it is downloaded again
    made.settle(DAY)
    assert made.running_version() == NEXT_VERSION


# Verdict and restart.


@pytest.mark.parametrize("name", names())
def test_the_verdict_is_on_the_air_before_any_restart(name: str) -> None:
    made = bench(name)
    made.upgrade(made.image(size=SIZE))
    seen = list(rows(made))
    order = ["image accepted", "UpgradeEndRequest", "activating", "reboot", "booted", "confirmed"]
    started = seen.index("download started")
    at = [seen.index(word, started) for word in order]
    assert at == sorted(at)
    assert seen.count("reboot") == seen.count("activating") == 1


def test_a_refused_image_restarts_nothing() -> None:
    made = bench()
    image = bytearray(made.image(size=SIZE))
    image[-40] ^= 1
    assert made.offer(bytes(image)) is Status.INVALID_IMAGE
    made.wait(HOUR)
    assert "reboot" not in list(rows(made))
    assert made.running_version() == FIRST_VERSION
    assert made.upgrade(made.image(size=SIZE)) == NEXT_VERSION


def test_only_the_event_activates_where_the_profile_says_so() -> None:
    made = bench(ota__activation_policy=1)
    assert made.offer(made.image(size=SIZE)) is Status.SUCCESS
    made.wait(DAY)
    assert made.upgrade_status() is ImageUpgradeStatus.WAITING_FOR_EXTERNAL_EVENT
    assert bridge_of(made).event(Activate(), made.now) == ()
    assert made.upgrade_status() is ImageUpgradeStatus.COUNT_DOWN
    made.settle()
    assert made.running_version() == NEXT_VERSION


# Trials.


def trial_of(traits: Trait, **changes: object) -> Bench:
    made = bench(**{"ota__query_period_s": 7200, **changes})
    bad = made.image(size=SIZE, traits=traits)
    assert made.offer(bad) is Status.SUCCESS
    return made


@pytest.mark.parametrize("trait", [Trait.MUTE, Trait.DEAF, Trait.CRASHES | Trait.MUTE])
def test_an_image_that_never_reaches_the_hub_is_undone_and_not_installed_in_a_loop(
    trait: Trait,
) -> None:
    made = trial_of(trait, boot__confirm_within_s=600)
    made.settle(2 * HOUR)
    assert made.running_version() == FIRST_VERSION
    assert reports(made).count(Happening.ROLLED_BACK) == 1
    assert Happening.CONFIRMED not in reports(made)
    activations = reports(made).count(Happening.ACTIVATING)
    made.wait(3 * DAY)  # it is still served, and queried for every two hours
    assert made.count(ota.QueryNextImageRequest) > 30
    broadcast = ota.ImageNotify(payload_type=ota.NotifyType.JITTER, query_jitter=100)
    made.tell(broadcast, broadcast=True)
    made.wait(HOUR)
    assert reports(made).count(Happening.ACTIVATING) == activations == 1


def test_an_image_that_failed_is_tried_again_when_the_hub_asks_by_name() -> None:
    made = trial_of(Trait.MUTE, boot__confirm_within_s=600)
    made.settle(2 * HOUR)
    assert made.running_version() == FIRST_VERSION
    made.notify()
    assert made.verdict() is Status.SUCCESS
    made.settle(2 * HOUR)
    assert reports(made).count(Happening.ACTIVATING) == 2
    assert made.running_version() == FIRST_VERSION
    made.wait(DAY)  # and once only
    assert reports(made).count(Happening.ACTIVATING) == 2


def test_another_attempt_that_the_hub_asked_for_survives_a_reset() -> None:
    made = trial_of(Trait.MUTE, boot__confirm_within_s=600)
    made.settle(2 * HOUR)
    blocks = made.count(ota.ImageBlockRequest)
    made.notify()
    assert made.run(lambda: made.count(ota.ImageBlockRequest) == blocks + 30, HOUR)
    made.power_cycle()
    made.settle(2 * HOUR)
    assert reports(made).count(Happening.ACTIVATING) == 2
    made.wait(2 * DAY)  # it failed again, and that is remembered
    assert reports(made).count(Happening.ACTIVATING) == 2
    assert made.running_version() == FIRST_VERSION


def test_a_notify_counts_though_the_bridge_has_lost_its_server() -> None:
    made = trial_of(Trait.MUTE, boot__confirm_within_s=600)
    made.settle(2 * HOUR)
    made.hub.settings.silent = True
    made.wait(3 * HOUR)  # no answer to queries, then none to searches
    made.hub.settings.silent = False
    made.notify()
    assert made.verdict(HOUR) is Status.SUCCESS


def test_another_image_is_taken_after_one_that_failed() -> None:
    made = trial_of(Trait.MUTE, boot__confirm_within_s=600)
    made.settle(2 * HOUR)
    third = made.image(0x03000000, size=SIZE)
    assert made.upgrade(third) == 0x03000000


def test_a_trial_counts_powered_time_over_resets() -> None:
    made = trial_of(Trait.MUTE, boot__confirm_within_s=600, boot__trial_boots=200)
    made.run(lambda: reports(made).count(Happening.ACTIVATING) > 0, HOUR)
    start = made.now
    powered = 0
    while Happening.ROLLED_BACK not in reports(made):
        made.wait(130 * SECOND)
        made.cut_power()
        powered += 130
        made.wait(HOUR)
        made.lane.power(True)
        assert powered < 1400, "the trial never ends"
    assert powered >= 600
    assert made.now - start > 4 * HOUR


def test_a_crashing_image_has_its_number_of_boots() -> None:
    made = trial_of(Trait.CRASHES | Trait.DEAF, boot__trial_boots=4)
    made.settle(2 * HOUR)
    booted = [
        dict(row[3].details)
        for row in made.trace.rows
        if isinstance(row[3], Report) and row[3].what is Happening.BOOTED
    ]
    assert sum(one["trial"] for one in booted) == 4
    assert made.running_version() == FIRST_VERSION


def test_an_image_that_reaches_the_hub_is_confirmed_before_it_downloads_again() -> None:
    made = bench()
    made.upgrade(made.image(size=SIZE))
    assert reports(made).count(Happening.CONFIRMED) == 1
    for _ in range(5):
        made.power_cycle()
    assert made.running_version() == NEXT_VERSION
    assert details(made, Happening.BOOTED) == {"version": NEXT_VERSION, "slot": 1, "trial": 0}


# Frame counters.


def counters(made: Bench) -> list[int]:
    found = [one.frame_counter for _, who, one in made.trace.datagrams() if who == "dut"]
    assert all(one is not None for one in found)
    return [one for one in found if one is not None]


def small(leap: int = 16) -> Profile:
    """Return a profile with small slots, so that a life has few flash operations."""
    return overlay(
        load("B1"),
        {
            "flash.size_octets": 0x4000,
            "flash.erase_size_octets": 0x400,
            "flash.program_size_octets": 64,
            "flash.slot_a": (0x0000, 0x0800),
            "flash.slot_b": (0x0800, 0x1000),
            "flash.boot_record": (0x1000, 0x1800),
            "flash.data": (0x1800, 0x2000),
            "radio.frame_counter_leap": leap,
            "ota.query_period_s": 7200,
        },
    )


def test_no_frame_counter_is_used_twice_whatever_is_cut() -> None:
    """Cut the supply at each flash operation of an upgrade, with small leaps of the counter."""
    profile = small()
    clean = Bench(profile)
    Probe(bridge_of(clean)).record(True)
    clean.start()
    clean.upgrade(clean.image(size=600))
    numbers = [one.number for one in Probe(bridge_of(clean)).operations]
    assert len(numbers) > 25
    for number in numbers:
        for kind in (CutKind.BEFORE, CutKind.AFTER):
            made = Bench(profile)
            Probe(bridge_of(made)).cut(CutPower(operation=number, kind=kind))
            made.lane.power(True)
            made.hub.serve()
            while made.now < HOUR:
                made.wait(2 * SECOND)
                if "DeviceAnnounce" in list(rows(made)) and not made.hub.images:
                    made.offer(made.image(size=600), limit_us=MINUTE)
                if not made.lane.powered:
                    made.lane.power(True)
                elif Happening.CONFIRMED in reports(made):
                    break
            used = counters(made)
            assert used == sorted(set(used)), f"operation {number} {kind}"
            assert made.running_version() == NEXT_VERSION
            assert not any("does not rise" in str(row[3]) for row in made.trace.rows)


def test_a_reset_leaps_over_what_may_have_been_used() -> None:
    made = Bench(small(leap=100))
    made.start()
    used = counters(made)
    assert used == list(range(len(used)))
    made.power_cycle()
    assert counters(made)[len(used)] == 100


# A trial whose hub is hard to reach.


def on_trial(made: Bench) -> None:
    """Bring a bridge with a good image to the boot of its trial."""
    made.offer(made.image(size=SIZE))
    assert made.run(lambda: Happening.ACTIVATING in reports(made), HOUR)


@pytest.mark.parametrize("name", names())
def test_a_hub_that_is_silent_for_a_while_does_not_undo_a_good_image(name: str) -> None:
    made = bench(name)
    on_trial(made)
    made.hub.settings.silent = True
    made.wait(10 * MINUTE)
    made.hub.settings.silent = False
    made.wait(HOUR)
    assert reports(made).count(Happening.CONFIRMED) == 1
    assert made.running_version() == NEXT_VERSION


def test_a_hub_that_refuses_a_query_of_a_trial_does_not_undo_a_good_image() -> None:
    made = bench()
    on_trial(made)
    refusal = refuse(ota.QueryNextImageRequest, Status.FAILURE, count=2)
    made.hub.settings.instead.append(refusal)
    made.wait(HOUR)
    assert refusal.seen > 2
    assert reports(made).count(Happening.CONFIRMED) == 1
    assert made.running_version() == NEXT_VERSION


def test_a_query_of_a_trial_that_is_spoilt_on_the_air_does_not_undo_a_good_image() -> None:
    made = bench()
    on_trial(made)
    query = Selector(leg=Leg.FROM_DEVICE, number=0, cluster=ota.CLUSTER, command=0x01)
    made.plan(TruncateFrame(at=query, octets=5))
    made.wait(HOUR)
    assert reports(made).count(Happening.CONFIRMED) == 1
    assert made.running_version() == NEXT_VERSION
