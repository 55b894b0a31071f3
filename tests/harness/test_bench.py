"""The bench's network: other devices, other hubs, storms, crashes, and silence that is judged."""

import json
from collections.abc import Callable

import pytest

from emulator.profiles.load import load, names, overlay
from emulator.units import DAY, HOUR, MILLISECOND, MINUTE, SECOND
from emulator.wire import ota, zcl, zdo
from emulator.wire.codec import Frame
from emulator.wire.ota import Attribute, ImageUpgradeStatus, Status
from harness.bench import Bench
from harness.firmware import FIRST_VERSION, NEXT_VERSION, built
from harness.hub.images import served
from harness.hub.lies import Again, Envelope, Late, Lie, MakerCode, OtherSequence
from harness.hub.server import Hub
from harness.hub.settings import Instead, Settings, abort, no_answer, refuse, wait
from harness.verdict import Inconclusive

QUERY, BLOCK = ota.QueryNextImageRequest, ota.ImageBlockRequest
FOR_OTHERS = ota.ImageNotify(
    payload_type=ota.NotifyType.MANUFACTURER, query_jitter=100, manufacturer=1
)


@pytest.fixture(params=["direct:", "loopback:"])
def bench(request: pytest.FixtureRequest) -> Bench:
    made = Bench(load("B1"), link=request.param)
    made.start()
    return made


# Silence.


def test_silence_lasts_three_times_the_latest_control_and_both_are_written_down(
    bench: Bench,
) -> None:
    assert bench.provoke(QUERY, bench.notify)
    began = bench.now
    assert bench.silence(QUERY, lambda: bench.tell(FOR_OTHERS, broadcast=True)) == []
    (absence,) = bench.absences
    assert absence.waited_us == bench.now - began == 3 * absence.latest_us == 30 * MILLISECOND
    row = json.loads(list(bench.trace.lines())[-1])
    assert row == {
        **{"t_us": bench.now, "who": "bench", "what": "absence"},
        **{"kind": "QueryNextImageRequest", "waited_us": 30_000, "latest_us": 10_000, "heard": 0},
    }


def test_what_breaks_the_silence_is_returned(bench: Bench) -> None:
    assert bench.provoke(QUERY, bench.notify)
    (query,) = bench.silence(QUERY, bench.notify)
    assert query.file_version == FIRST_VERSION
    assert len(bench.silence(Frame, bench.notify, like=QUERY)) == 1
    assert [one.heard for one in bench.absences] == [1, 1]


def test_silence_without_a_control_says_nothing(bench: Bench) -> None:
    with pytest.raises(Inconclusive, match="QueryNextImageRequest"):
        bench.silence(QUERY)
    bench.hub.settings.silent = True
    bench.cut_power()
    assert not bench.provoke(QUERY, bench.notify, SECOND)
    with pytest.raises(Inconclusive):
        bench.silence(QUERY)


def test_a_sleepy_device_gets_its_poll_period() -> None:
    bench = Bench(load("B4"))
    bench.start()
    assert bench.profile.sleep is not None
    assert bench.provoke(QUERY, bench.notify, HOUR)
    bench.silence(QUERY)
    assert bench.absences[0].latest_us >= bench.profile.sleep.poll_ms * MILLISECOND


# Other devices.


def test_two_devices_upgrade_at_once_and_each_is_judged_alone(bench: Bench) -> None:
    other = bench.second_device(overlay(load("B1"), {"ota.image_type": 0x0077}))
    other.start()
    images = [bench.image(), other.image(NEXT_VERSION + 5)]
    bench.hub.serve(*map(served, images))
    bench.notify()
    other.notify()
    bench.run(lambda: other.count(ota.UpgradeEndRequest) > 0, HOUR)
    bench.settle()
    assert (bench.running_version(), other.running_version()) == (NEXT_VERSION, NEXT_VERSION + 5)
    assert {one.image_type for one in other.heard(BLOCK)} == {0x0077}
    assert {one.image_type for one in bench.heard(BLOCK)} == {bench.profile.ota.image_type}
    counters = bench.frame_counters()
    assert counters == sorted(set(counters))


def test_settings_for_one_device_are_not_the_others(bench: Bench) -> None:
    other = bench.second_device()
    other.start()
    bench.hub.by_device[other.address] = Settings(instead=[no_answer(QUERY)])
    bench.hub.serve(served(bench.image()))
    other.notify()
    bench.notify()
    bench.wait(MINUTE)
    assert bench.count(BLOCK) > 0
    assert other.count(BLOCK) == 0
    assert other.count(QUERY) > 1


# Other hubs.


@pytest.mark.parametrize("first", [False, True])
def test_the_first_of_two_hubs_is_used(first: bool) -> None:
    bench = Bench(load("B1"))
    second = bench.second_hub(first=first)
    image = served(bench.image())
    for hub in (bench.hub, second):
        hub.serve(image)
    bench.lane.power(True)
    bench.run(lambda: second.counts.get(BLOCK, 0) + bench.count(BLOCK) > 10, HOUR)
    used, unused = (second, bench.hub) if first else (bench.hub, second)
    assert used.log(bench.address).count(BLOCK) > 10
    assert unused.log(bench.address).count(QUERY) == 0
    assert bench.value(Attribute.UPGRADE_SERVER_ID) == used.eui64


def test_a_strangers_word_is_carried_and_its_answer_reaches_it(bench: Bench) -> None:
    stranger = bench.stranger()
    bench.tell(ota.ImageNotify(payload_type=ota.NotifyType.JITTER, query_jitter=100), by=stranger)
    bench.wait(SECOND)
    heard = [one.frame for one in stranger.log(bench.address).heard]
    assert heard == [zcl.DefaultResponse(command=0, status=zcl.Status.NOT_AUTHORIZED)]


def test_an_answer_from_another_address_is_not_the_hubs(bench: Bench) -> None:
    stranger = bench.stranger()
    bench.hub.lies.append(
        Lie(ota.ImageBlockResponse, [Envelope(source=stranger.address)], skip=3, count=2)
    )
    assert bench.upgrade(bench.image()) == NEXT_VERSION
    foreign = [one for _, _, one in bench.trace.datagrams() if one.source == stranger.address]
    assert len(foreign) == 2
    assert stranger.log(bench.address).count(zcl.DefaultResponse) == 2


# The hub's life.


def test_a_crashed_hub_says_nothing_and_goes_on_where_it_was(bench: Bench) -> None:
    bench.start_download(bench.image(), blocks=10)
    bench.hub.crash()
    heard = len(bench.hub.heard)
    bench.wait(3 * SECOND)
    assert len(bench.hub.heard) == heard
    bench.hub.restart()
    assert bench.verdict(HOUR) is Status.SUCCESS


def test_a_hub_without_memory_has_no_image(bench: Bench) -> None:
    bench.start_download(bench.image(), blocks=10)
    bench.hub.crash()
    bench.hub.restart(memory=False)
    bench.wait(MINUTE)
    assert bench.count(ota.UpgradeEndRequest) == 0
    assert bench.upgrade_status() is ImageUpgradeStatus.NORMAL
    assert bench.upgrade(bench.image()) == NEXT_VERSION


def test_an_image_is_discarded_in_the_middle(bench: Bench) -> None:
    bench.start_download(bench.image(), blocks=10)
    bench.hub.discard(NEXT_VERSION)
    bench.wait(MINUTE)
    assert bench.upgrade_status() is ImageUpgradeStatus.NORMAL
    assert bench.running_version() == FIRST_VERSION


def test_who_is_expelled_stays_out_until_it_is_readmitted(bench: Bench) -> None:
    bench.start_download(bench.image(), blocks=10)
    bench.expel()
    blocks = bench.count(BLOCK)
    bench.wait(HOUR)
    assert bench.count(BLOCK) <= blocks + 1
    assert bench.count(ota.UpgradeEndRequest) == 0
    bench.readmit()
    assert bench.run(lambda: bench.count(BLOCK) > blocks + 1, 24 * HOUR)


def test_a_storm_has_its_pace_and_leaves_the_device_well(bench: Bench) -> None:
    began = bench.now
    notify = ota.ImageNotify(payload_type=ota.NotifyType.JITTER, query_jitter=100)
    bench.storm(notify, copies=200, gap_us=5 * MILLISECOND)
    bench.wait(2 * SECOND)
    sent = [at for at, who, one in bench.trace.datagrams() if who == "hub" and at >= began]
    told = [at for at in sent if at in range(began, began + SECOND)]
    assert len(told) >= 200
    assert bench.upgrade(bench.image()) == NEXT_VERSION


# What is answered instead, and when.


INSTEAD: dict[str, Callable[[], Instead]] = {
    "wait": lambda: wait(0, 5, 0, skip=3, count=2),
    "refuse": lambda: refuse(BLOCK, 0xEE, skip=3, count=1),
    "no_answer": lambda: no_answer(BLOCK, count=2),
}


@pytest.mark.parametrize("name", INSTEAD)
def test_what_is_answered_instead_has_its_turn(bench: Bench, name: str) -> None:
    bench.hub.settings.instead = [INSTEAD[name]()]
    assert bench.offer(bench.image()) is Status.SUCCESS
    asked = [one.file_offset for one in bench.heard(BLOCK)]
    assert len(asked) > len(set(asked))


def test_an_abort_ends_the_download_at_its_turn(bench: Bench) -> None:
    bench.hub.settings.instead = [abort(skip=5, count=1)]
    assert bench.offer(bench.image()) is None
    assert bench.count(BLOCK) == 6


def test_late_answers_are_late(bench: Bench) -> None:
    bench.hub.settings.delay_us = 300 * MILLISECOND
    bench.hub.settings.jitter_us = 100 * MILLISECOND
    began = bench.now
    bench.start_download(bench.image(), blocks=11)
    assert 3 * SECOND < bench.now - began < 5 * SECOND
    assert bench.verdict() is Status.SUCCESS


@pytest.mark.parametrize(
    "edit", [Again(2, 50), Late(200 * MILLISECOND), OtherSequence(), MakerCode(0x1234)], ids=repr
)
def test_a_lie_about_some_answers_costs_no_upgrade(bench: Bench, edit: object) -> None:
    bench.hub.lies.append(Lie(ota.ImageBlockResponse, [edit], skip=4, count=2))  # type: ignore[list-item]
    assert bench.upgrade(bench.image()) == NEXT_VERSION


def test_any_zdo_request_finds_the_hub() -> None:
    hub = Hub(eui64=77)
    hub.settings.endpoints = (3, 4)
    request = zdo.MatchDescriptorRequest(
        sequence=9, address=0xFFFD, profile=0x0109, input_clusters=(0x19,), output_clusters=()
    )
    assert hub.zdo(request, 1)


@pytest.mark.parametrize("profile", names())
def test_image_that_the_loader_refuses_is_not_fetched_without_end(profile: str) -> None:
    """No step of the check looks at the counter, so that the loader alone refuses the image."""
    steps = [str(step) for step in load(profile).image.verify if step != "security_counter"]
    strict = {"boot.fallback_below_counter": "refuse", "image.verify": steps}
    bench = Bench(overlay(load(profile), strict))
    bench.start()
    higher = built(bench.profile, bytes(400), bench.version(1), security_counter=6)
    assert bench.upgrade(higher) == bench.version(1)
    lower = built(bench.profile, bytes(400), bench.version(2), security_counter=5)
    before = bench.count(ota.UpgradeEndRequest)
    bench.offer(lower)
    bench.wait(3 * DAY)
    assert bench.count(ota.UpgradeEndRequest) == before + 1
    assert bench.running_version() == bench.version(1)
