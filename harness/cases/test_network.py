"""A device upgrades on the network that there is: lossy, secured, with a hub that changes."""

from itertools import pairwise
from random import Random

import pytest

from emulator.contract import Capability
from emulator.faults import DropFrame, DuplicateFrame, FrameFault, Leg, ReorderFrame, Selector
from emulator.units import DAY, HOUR, MINUTE, SECOND
from emulator.wire import ota, zdo
from emulator.wire.aps import ApsOptions
from emulator.wire.codec import KEYS
from emulator.wire.ota import Status
from harness.bench import Bench
from harness.cases.conftest import MakeBench, blocks_within
from harness.covers import covers
from harness.dut.rungs import rungs
from harness.hub.settings import no_answer

#: Octets of an image that is on its way for a while.
_LONG = 20_000


@covers("GB-049")
@pytest.mark.parametrize("leg", Leg, ids=["answers", "requests"])
def test_download_survives_bad_air(bench: Bench, leg: Leg) -> None:
    """A device on bad air gets its image whole.

    Attack: of the blocks, or of the requests for them, 3 % are lost, 3 % come twice, 3 % late.
    Expect: the image runs, which one wrong octet would not let; it took more requests than blocks.
    Source: gb-alt-han GB-049 [DERIVED].
    """
    image = bench.image(size=_LONG)
    bench.plan(*_bad_air(bench, leg, len(image) // bench.block_octets))
    assert bench.offer(image) is Status.SUCCESS
    bench.settle()
    assert bench.running_version() == bench.version(1)

    offsets = [one.file_offset for one in bench.heard(ota.ImageBlockRequest)]
    assert len(offsets) > len(set(offsets))  # control: the air was bad


def _bad_air(bench: Bench, leg: Leg, blocks: int) -> tuple[FrameFault, ...]:
    """Return faults for 9 % of the frames of one way of so many blocks."""
    frame = ota.ImageBlockResponse if leg is Leg.TO_DEVICE else ota.ImageBlockRequest
    share = max(1, blocks * 3 // 100)
    struck = Random(bench.seed).sample(range(blocks), 3 * share)
    places = [
        Selector(leg=leg, number=number, cluster=ota.CLUSTER, command=KEYS[frame].command)
        for number in struck
    ]
    return (
        *(DropFrame(at=place) for place in places[:share]),
        *(DuplicateFrame(at=place, after_us=SECOND // 2) for place in places[share : 2 * share]),
        *(ReorderFrame(at=place) for place in places[2 * share :]),
    )


@covers("OTA-C-109")
def test_device_encrypts_what_it_sends(bench: Bench) -> None:
    """A device of Smart Energy encrypts each OTA unicast with its link key.

    Attack: none; a whole upgrade is watched, and a command that the device refuses.
    Expect: the APS security bit on every OTA unicast, queries, blocks, ends and refusals alike.
    Source: Smart Energy 5.4.6; [SL-SEC].
    """
    assert bench.upgrade(bench.image()) == bench.version(1)
    bench.tell(ota.ImageBlockResponse(status=Status.ABORT))  # out of turn
    bench.wait(MINUTE)
    sent = [one for one in bench.sent_datagrams(ota.CLUSTER) if not one.broadcast]
    assert [one for one in sent if not one.options & ApsOptions.ENCRYPT] == []

    # Control: all kinds were sent, so each of them was looked at.
    kinds = {one.payload[2] for one in sent if one.payload[0] & 0x03}
    assert kinds >= {KEYS[each].command for each in _OF_AN_UPGRADE}


#: What a client sends in any upgrade.
_OF_AN_UPGRADE = (ota.QueryNextImageRequest, ota.ImageBlockRequest, ota.UpgradeEndRequest)


@rungs(end=0)
@covers("OTA-C-111")
def test_broadcast_notify_needs_no_encryption(bench: Bench) -> None:
    """A device of Smart Energy heeds a broadcast notify, which no link key can encrypt.

    Attack: an Image Notify for all, without APS security.
    Expect: a query, and it is encrypted.
    Source: [SL-SEC].
    """
    notify = ota.ImageNotify(payload_type=ota.NotifyType.JITTER, query_jitter=100)
    patience_us = 3 * bench.profile.ota.response_timeout_ms * 1000
    assert bench.provoke(
        ota.QueryNextImageRequest, lambda: bench.tell(notify, broadcast=True), patience_us
    )
    assert bench.last_datagram(ota.QueryNextImageRequest).options & ApsOptions.ENCRYPT

    # Control: it was the notify that it heeded, none comes without one.
    assert bench.silence(ota.QueryNextImageRequest) == []


@covers("GB-069")
def test_download_survives_a_new_network_key(bench: Bench) -> None:
    """A device goes on with its download when the network's key is switched.

    Attack: in the middle of the download the trust centre switches to another network key.
    Expect: it goes on where it was, under the new key; the image runs.
    Source: gb-alt-han GB-069 [DERIVED].
    """
    image = bench.image(size=_LONG)
    reached = bench.start_download(image, blocks=blocks_within(bench, image, 50))
    before = len(bench.sent_datagrams(ota.CLUSTER))
    asked = bench.count(ota.ImageBlockRequest)
    bench.switch_key()
    assert bench.verdict(HOUR) is Status.SUCCESS
    assert min(one.file_offset for one in bench.heard(ota.ImageBlockRequest)[asked:]) >= reached
    bench.settle()
    assert bench.running_version() == bench.version(1)

    # Control: there were two keys, and the device used each of them in its time.
    keys = [one.key_id for one in bench.sent_datagrams(ota.CLUSTER)]
    assert (set(keys[:before]), set(keys[before:])) == ({0}, {bench.hub.key_id})


@covers("GB-078")
def test_hub_without_updates_does_no_harm(make_bench: MakeBench) -> None:
    """A device whose hub serves no firmware lives on, and is quiet about it.

    Attack: for a day the hub answers everything but the search for an OTA server.
    Expect: the device answers other requests, searches now and then, at least 60 s apart, and
    finds the server once there is one.
    Source: gb-alt-han GB-078 [S1] [DERIVED].
    """
    bench = make_bench()
    bench.need(Capability.FACTORY)  # one that was here before may know its server
    bench.hub.settings.instead.append(no_answer(zdo.MatchDescriptorRequest))
    bench.lane.power(True)
    bench.wait(bench.lived(DAY))
    attempts = [one.at for one in bench.heard_at(zdo.MatchDescriptorRequest)]
    assert min(later - earlier for earlier, later in pairwise(attempts)) >= bench.lived(MINUTE)
    question = zdo.ActiveEndpointsRequest(sequence=1, address=bench.address)
    assert bench.ask(question, zdo.ActiveEndpointsResponse) is not None

    bench.hub.settings.instead.clear()  # control: a hub that has one is found
    retry_us = bench.profile.ota.discovery_retry_s * SECOND
    assert bench.run(lambda: bench.count(ota.QueryNextImageRequest) > 0, 2 * retry_us + HOUR)
    assert bench.upgrade(bench.image()) == bench.version(1)


@rungs(end=2)
@covers("GB-079")
def test_replaced_hub_is_taken(bench: Bench) -> None:
    """A device outlives its hub, and no pending image starts by itself meanwhile.

    Attack: while an image waits for leave, the hub is replaced: another EUI-64, another network
    key, nothing of the old one's memory; the device is on its whitelist.
    Expect: the device joins again and speaks to it; the old version runs until the new hub gives
    leave, then the pending one or still the old one; an update of the new hub is taken.
    Source: gb-alt-han GB-079 [ASSUMED] (accept set).
    """
    bench.hub.settings.end_times_s = (0, ota.WAIT_FOR_ANOTHER)
    assert bench.offer(bench.image()) is Status.SUCCESS
    bench.wait(MINUTE)  # until a device that sleeps has fetched the answer
    _replace_hub(bench)
    heard = len(bench.log.heard)
    bench.wait(bench.lived(DAY))
    assert len(bench.log.heard) > heard
    assert bench.running_version() == bench.version(0)

    bench.hub.settings.end_times_s = (0, 0)
    bench.wait(bench.lived(DAY))
    assert bench.running_version() in (bench.version(0), bench.version(1))
    newest = bench.image(bench.version(2))
    assert bench.upgrade(newest) == bench.version(2)  # control: nothing is left of the old hub


def _replace_hub(bench: Bench) -> None:
    """Put another hub in the place of the device's, with the same whitelist."""
    bench.expel()
    bench.hub.restart(memory=False)
    bench.hub.eui64 += 1
    bench.hub.seed += 1
    bench.wait(MINUTE)
    bench.readmit()


@rungs(end=0)
@covers("GB-046")
def test_device_asks_at_join_daily_and_when_told(make_bench: MakeBench) -> None:
    """A device asks for firmware when it joins, each day after, and when the hub says so.

    Attack: none; three days are watched, then the hub notifies.
    Expect: a query soon after the join, then one a period with its jitter, then one at once.
    Source: gb-alt-han GB-046 [ASSUMED].
    """
    bench = make_bench()
    profile = bench.profile.ota
    period_us, jitter_us = profile.query_period_s * SECOND, profile.query_jitter_s * SECOND
    bench.start()
    assert bench.count(ota.QueryNextImageRequest) == 1
    bench.wait(3 * (period_us + jitter_us))
    asked = [one.at for one in bench.heard_at(ota.QueryNextImageRequest)]
    gaps = [later - earlier for earlier, later in pairwise(asked)]
    assert 3 <= len(gaps) <= 3 * (period_us + jitter_us) // period_us
    assert period_us <= min(gaps)
    assert max(gaps) <= period_us + jitter_us + MINUTE

    assert bench.provoke(ota.QueryNextImageRequest, bench.notify)  # control: it asks when told
