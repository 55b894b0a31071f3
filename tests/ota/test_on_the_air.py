"""The client inside its bridge: strangers, sequence numbers, broadcasts, sleep, pages, more images.

What a rig cannot show: it needs datagrams, a parent that holds frames, a flash.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest

from emulator.actions import Action, Poll, Send
from emulator.device.bridge import Bridge
from emulator.image.build import build
from emulator.units import HOUR, MILLISECOND, SECOND, Us
from emulator.wire import ota, zcl
from emulator.wire.aps import BROADCAST_ALL, ApsOptions, Datagram
from emulator.wire.codec import KEYS, Frame
from emulator.wire.ota import Attribute, ImageUpgradeStatus, Status
from harness.bench import DUT_EUI64, Bench
from harness.firmware import FIRST_VERSION, NEXT_VERSION
from harness.hub.images import served
from harness.hub.settings import Pages, Paging
from tests.device.benches import bench, bridge_of

STRANGER = 0x5678


def datagram(
    made: Bench, frame: Frame, *, control: int = 0x09, sequence: int = 77, source: int = 0
) -> Datagram:
    """Return a command of the cluster as a server's datagram."""
    return Datagram(
        source=source,
        destination=made.address,
        source_endpoint=1,
        destination_endpoint=made.profile.ota.endpoint,
        profile=made.profile.ota.zigbee_profile,
        cluster=ota.CLUSTER,
        payload=zcl.pack_header(control, sequence, KEYS[type(frame)].command) + frame.encode(),
        options=ApsOptions.ENCRYPT,
        aps_counter=0,
    )


def payloads(actions: Sequence[object]) -> list[bytes]:
    return [one.datagram.payload for one in actions if isinstance(one, Send)]


def refusals(actions: Sequence[object]) -> list[tuple[int, int, int]]:
    """Return sequence number, command and status of each Default Response among the actions."""
    general = [one for one in payloads(actions) if one[0] & 0x03 == 0 and one[2] == 0x0B]
    return [(one[1], one[3], one[4]) for one in general]


def everything(made: Bench) -> dict[str, Frame]:
    """Return a frame of each kind that a server sends, right for a download of this bridge."""
    ids = {
        "manufacturer": made.profile.ota.manufacturer_code,
        "image_type": made.profile.ota.image_type,
        "file_version": NEXT_VERSION,
    }
    ok = {"status": Status.SUCCESS, **ids}
    return {
        "notify": ota.ImageNotify(payload_type=ota.NotifyType.JITTER, query_jitter=100),
        "offer": ota.QueryNextImageResponse(**ok, image_size=900),
        "block": ota.ImageBlockResponse(**ok, file_offset=80, data=bytes(40)),
        "abort": ota.ImageBlockResponse(status=Status.ABORT),
        "end": ota.UpgradeEndResponse(**ids, current_time_s=0, upgrade_time_s=0),
        "file": ota.QueryDeviceSpecificFileResponse(**ok, image_size=900),
    }


KINDS = ("notify", "offer", "block", "abort", "end", "file")


def downloading(**changes: object) -> Bench:
    """Return a bench whose device waits for the block at offset 80, and gets none."""
    made = bench(**changes)
    made.hub.serve(served(made.image(size=400)))
    made.start_download(made.image(size=400), blocks=3)
    assert made.last(ota.ImageBlockRequest).file_offset == 80
    return made


# Strangers.


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("how", ["refuse", "ignore"])
def test_a_stranger_gets_a_refusal_or_nothing_and_changes_nothing(how: str, kind: str) -> None:
    made = downloading(ota__stranger=how)
    bridge = bridge_of(made)
    frame = everything(made)[kind]
    deadline = bridge.deadline
    actions = bridge.receive(datagram(made, frame, source=STRANGER), made.now)
    expected = [(77, KEYS[type(frame)].command, Status.NOT_AUTHORIZED)] if how == "refuse" else []
    assert refusals(actions) == expected
    assert len(payloads(actions)) == len(expected)
    assert bridge.deadline == deadline


def test_the_default_response_of_a_stranger_stops_nothing() -> None:
    made = downloading()
    bridge, deadline = bridge_of(made), bridge_of(made).deadline
    abort = zcl.DefaultResponse(command=KEYS[ota.ImageBlockRequest].command, status=Status.ABORT)
    whole = datagram(made, everything(made)["abort"], source=STRANGER)
    payload = zcl.pack_header(0x18, 5, 0x0B) + abort.encode()
    assert not bridge.receive(replace(whole, payload=payload), made.now)
    assert bridge.deadline == deadline
    assert bridge.receive(replace(whole, payload=payload, source=0), made.now)  # control


# Answers.


@pytest.mark.parametrize("sequence", [0, 77, 255])
def test_a_block_is_taken_whatever_its_sequence_number(sequence: int) -> None:
    made = downloading()
    block = datagram(made, everything(made)["block"], control=0x19, sequence=sequence)
    sent = payloads(bridge_of(made).receive(block, made.now))
    assert len(sent) == 1
    assert ota.ImageBlockRequest.decode(sent[0][3:])[0].file_offset == 120


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("stage", ["idle", "downloading"])
def test_a_broadcast_is_never_answered_by_a_default_response(stage: str, kind: str) -> None:
    made = downloading() if stage == "downloading" else bench()
    frame = everything(made)[kind]
    for octets in range(len(frame.encode()) + 1):
        whole = datagram(made, frame, control=0x09)
        cut = replace(whole, destination=BROADCAST_ALL, payload=whole.payload[: 3 + octets])
        assert refusals(bridge_of(made).receive(cut, made.now)) == []


@pytest.mark.parametrize("kind", ["offer", "block", "abort", "file"])
def test_what_must_be_unicast_does_nothing_as_a_broadcast(kind: str) -> None:
    made = downloading()
    bridge, deadline = bridge_of(made), bridge_of(made).deadline
    whole = datagram(made, everything(made)[kind])
    assert not bridge.receive(replace(whole, destination=BROADCAST_ALL), made.now)
    assert bridge.deadline == deadline


def test_a_strict_bridge_says_that_a_notify_is_malformed() -> None:
    made = bench(ota__notify_unicast="strict")
    notify = ota.ImageNotify(payload_type=ota.NotifyType.JITTER, query_jitter=99)
    refused = bridge_of(made).receive(datagram(made, notify), made.now)
    assert refusals(refused) == [(77, 0, Status.MALFORMED_COMMAND)]
    assert len(payloads(refused)) == 1
    taken = bridge_of(made).receive(datagram(made, everything(made)["notify"]), made.now)
    assert refusals(taken) == []
    assert len(payloads(taken)) == 1


@pytest.mark.parametrize(("control", "told"), [(0x09, True), (0x19, False)])
def test_a_success_is_told_only_to_who_wants_to_hear_it(control: int, told: bool) -> None:
    made = bench()
    none = ota.QueryNextImageResponse(status=Status.NO_IMAGE_AVAILABLE)
    bridge_of(made).receive(datagram(made, everything(made)["notify"]), made.now)  # it queries
    actions = bridge_of(made).receive(datagram(made, none, control=control), made.now)
    assert refusals(actions) == ([(77, 2, Status.SUCCESS)] if told else [])


# Waiting over a reset (OTA-C-107).


@pytest.mark.parametrize(
    ("times", "status"),
    [
        ((0, 0xFFFFFFFF), ImageUpgradeStatus.WAITING_TO_UPGRADE),
        ((0, 3000), ImageUpgradeStatus.COUNT_DOWN),
    ],
)
def test_an_image_that_waits_is_kept_over_a_reset(
    times: tuple[int, int], status: ImageUpgradeStatus
) -> None:
    made = bench()
    made.hub.settings.end_times_s = times
    image = made.image(size=400)
    assert made.offer(image) is Status.SUCCESS
    made.wait(10 * SECOND)
    assert made.upgrade_status() is status
    ends, asked = made.count(ota.UpgradeEndRequest), made.count(ota.ImageBlockRequest)
    made.power_cycle()
    assert made.count(ota.UpgradeEndRequest) == ends + 1
    assert made.count(ota.ImageBlockRequest) == asked
    assert made.upgrade_status() is status
    assert made.running_version() == FIRST_VERSION


# Sleep.


def gaps_between(made: Bench, kind: type[Frame]) -> list[Us]:
    return [later.at - earlier.at for earlier, later in pairwise(made.heard_at(kind))]


def test_a_sleepy_bridge_collects_each_block_within_a_second() -> None:
    """Source: OTA-C-112; a hundred blocks and more."""
    made = bench("B4")
    image = made.image(size=4000)
    assert made.offer(image) is Status.SUCCESS
    gaps = gaps_between(made, ota.ImageBlockRequest)
    assert len(gaps) > 100
    assert max(gaps) < SECOND


@pytest.mark.parametrize("answered", [True, False])
def test_a_sleepy_bridge_sleeps_while_it_waits_for_leave(
    answered: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What did not come in the time of an answer does not come soon: no hour of fast polls."""
    # Every poll is lived: a link that knows that nothing comes would leave out the empty ones.
    monkeypatch.setattr(Bridge, "doze", lambda bridge, until: None)
    made = bench("B4")
    made.hub.settings.end_times_s = (0, ota.WAIT_FOR_ANOTHER) if answered else None
    made.offer(made.image(size=400))
    made.wait(60 * SECOND)
    polls = []
    true_wake = Bridge.wake

    def wake(bridge: Bridge, now: Us) -> Sequence[Action]:
        actions = true_wake(bridge, now)
        polls.extend(one for one in actions if isinstance(one, Poll))
        return actions

    monkeypatch.setattr(Bridge, "wake", wake)
    made.wait(HOUR // 2)
    assert made.profile.sleep is not None
    slow = HOUR // 2 // (made.profile.sleep.poll_ms * MILLISECOND)
    assert slow - 2 <= len(polls) <= slow + 2


def test_a_broadcast_reaches_a_sleepy_bridge_by_its_parent() -> None:
    made = bench("B4")
    made.wait(HOUR)
    asked, told = made.count(ota.QueryNextImageRequest), made.now
    notify = ota.ImageNotify(payload_type=ota.NotifyType.JITTER, query_jitter=100)
    made.tell(notify, broadcast=True)
    assert made.run(lambda: made.count(ota.QueryNextImageRequest) > asked, HOUR)
    sleep = made.profile.sleep
    assert sleep is not None
    assert made.now - told <= (sleep.poll_ms + 100) * MILLISECOND


@pytest.mark.parametrize("name", ["B1", "B4"])
def test_a_bridge_takes_an_image_by_pages(name: str) -> None:
    made = bench(name, ota__page_size_octets=512)
    made.hub.settings.pages = Pages(paging=Paging.SERVED, missing=frozenset({3, 4, 20}))
    image = made.image(size=2000)
    assert made.offer(image) is Status.SUCCESS
    assert made.count(ota.ImagePageRequest) == -(-len(image) // 512)
    assert made.count(ota.ImageBlockRequest) == 3
    made.settle()
    assert made.running_version() == NEXT_VERSION


def test_a_stream_of_pages_is_polled_fast() -> None:
    """Else a parent's buffer would overflow at one block each 50 ms."""
    made = bench("B4", ota__page_size_octets=1024)
    made.hub.settings.pages = Pages(paging=Paging.SERVED)
    image = made.image(size=4000)
    assert made.offer(image) is Status.SUCCESS
    assert made.count(ota.ImageBlockRequest) == 0
    gaps = gaps_between(made, ota.ImagePageRequest)
    assert max(gaps) < 1024 / 32 * 50 * MILLISECOND + SECOND


@pytest.mark.parametrize("paging", [Paging.REFUSED, Paging.IGNORED])
def test_a_bridge_falls_back_to_blocks(paging: Paging) -> None:
    made = bench(ota__page_size_octets=512)
    made.hub.settings.pages = Pages(paging=paging)
    assert made.offer(made.image(size=2000)) is Status.SUCCESS
    assert made.count(ota.ImagePageRequest) == 1
    first_page = made.heard_at(ota.ImagePageRequest)[0].at
    first_block = made.heard_at(ota.ImageBlockRequest)[0].at
    assert first_block - first_page <= 30 * SECOND


# Several images.

MORE = {"flash__extra": [0x086000, 0x0A0000], "ota__more_image_types": [0x0101, 0x0202]}


def other_image(made: Bench, image_type: int, *, size: int = 500) -> bytes:
    own = made.profile.ota.hardware_version
    return build(
        payload=bytes(size),
        manufacturer=made.profile.ota.manufacturer_code,
        image_type=image_type,
        version=NEXT_VERSION,
        hardware=(own, own),
    )


def test_a_bridge_applies_its_image_once_all_of_them_are_there() -> None:
    made = bench(**MORE)
    first = made.image(size=400)
    made.hub.serve(served(first), served(other_image(made, 0x0101)))
    made.notify()
    made.wait(60 * SECOND)
    ends = [(one.status, one.image_type) for one in made.heard(ota.UpgradeEndRequest)]
    require = Status.REQUIRE_MORE_IMAGE
    assert ends == [(require, made.profile.ota.image_type), (require, 0x0101)]
    assert made.upgrade_status() is ImageUpgradeStatus.WAIT_FOR_MORE
    assert made.running_version() == FIRST_VERSION

    made.hub.serve(*(served(other_image(made, one)) for one in (0x0101, 0x0202)))
    made.notify()
    made.wait(60 * SECOND)
    last = made.last(ota.UpgradeEndRequest)
    assert (last.status, last.image_type) == (Status.SUCCESS, 0x0202)
    assert made.running_version() == NEXT_VERSION


def test_a_bad_second_image_applies_nothing() -> None:
    made = bench(**{**MORE, "ota__more_image_types": [0x0101]})
    bad = bytearray(other_image(made, 0x0101))
    bad[-30] ^= 1
    made.hub.serve(served(made.image(size=400)), served(bytes(bad)))
    made.notify()
    made.wait(60 * SECOND)
    statuses = [one.status for one in made.heard(ota.UpgradeEndRequest)]
    assert statuses == [Status.REQUIRE_MORE_IMAGE, Status.INVALID_IMAGE]
    assert made.upgrade_status() is ImageUpgradeStatus.WAIT_FOR_MORE

    made.hub.serve(served(other_image(made, 0x0101)))  # control
    made.notify()
    made.wait(60 * SECOND)
    assert made.running_version() == NEXT_VERSION


def test_a_reset_amid_several_images_loses_none() -> None:
    made = bench(**{**MORE, "ota__more_image_types": [0x0101]})
    made.hub.serve(served(made.image(size=400)), served(other_image(made, 0x0101, size=4000)))
    made.notify()
    assert made.run(
        lambda: (
            made.count(ota.ImageBlockRequest) > 40
            and made.last(ota.ImageBlockRequest).image_type == 0x0101
        ),
        HOUR,
    )
    made.power_cycle()
    made.wait(60 * SECOND)
    assert made.running_version() == NEXT_VERSION


def test_an_image_larger_than_its_part_of_the_extra_area_is_refused() -> None:
    made = bench(**MORE)
    big = other_image(made, 0x0101, size=0x00D000)
    made.hub.serve(served(made.image(size=400)), served(big))
    made.notify()
    made.wait(60 * SECOND)
    asked = {one.image_type for one in made.heard(ota.ImageBlockRequest)}
    assert asked == {made.profile.ota.image_type}


# Test firmware, and a reinstall.


def test_test_firmware_lives_faster() -> None:
    made = bench(ota__timer_scale=100, ota__query_jitter_s=0)
    made.wait(HOUR)
    gaps = gaps_between(made, ota.QueryNextImageRequest)
    assert len(gaps) == 4
    assert all(abs(gap - 864 * SECOND) < SECOND for gap in gaps)


def test_a_running_version_is_installed_again_once() -> None:
    made = bench(ota__reinstall="accept")
    same = made.image(version=FIRST_VERSION, size=256)
    assert made.offer(served(same)) is None  # this hub offers no running version
    made.hub.settings.offers = type(made.hub.settings.offers)("reinstalls")
    assert made.offer(served(same)) is Status.SUCCESS
    asked = made.count(ota.ImageBlockRequest)
    made.wait(60 * SECOND)
    made.wait(27 * HOUR)
    assert made.count(ota.ImageBlockRequest) == asked
    assert made.value(Attribute.CURRENT_FILE_VERSION) == FIRST_VERSION
    assert made.identity.eui64 == DUT_EUI64
