"""What the client puts off while its battery lacks the reserve, and how it makes up for it."""

from typing import Any

import pytest

from emulator.actions import Happening, Reboot, Report
from emulator.ota.stages import Stage
from emulator.units import SECOND
from emulator.wire import ota
from emulator.wire.ota import ImageUpgradeStatus, Status
from tests.ota import scripted as script
from tests.ota.scripted import BLOCK, MORE_TYPE, OFFER, SIZE, Rig, whats

RESERVE = 10
LOW, ENOUGH = 9, 10


def charge(rig: Rig, percent: int) -> list[Any]:
    return list(rig.client.charge(percent, RESERVE, rig.now))


def deferred(what: str, percent: int = LOW) -> Report:
    details = (("what", what), ("percent", percent), ("reserve", RESERVE))
    return Report(what=Happening.DEFERRED, details=details)


def low(stage: Stage, **changes: object) -> Rig:
    """Return a rig in a stage whose battery was just told to be low: nothing comes of that."""
    rig = script.at(stage, **changes)
    deadline = rig.client.deadline
    assert charge(rig, LOW) == []
    assert (rig.stage, rig.client.deadline) == (stage, deadline)
    return rig


def held_back(**changes: object) -> Rig:
    """Return a rig whose verified image has leave and no charge."""
    rig = low(Stage.ENDING, **changes)
    assert rig.hear(script.may_upgrade(0, 0)) == [deferred("trial")]
    return rig


# Offers.


def test_an_offer_is_not_taken_below_the_reserve() -> None:
    rig = low(Stage.QUERYING, query_period_s=1000, query_jitter_s=0)
    assert rig.heard(script.offered()) == ([deferred("offer")], Status.SUCCESS)
    assert (rig.stage, rig.left_us) == (Stage.READY, 1000 * SECOND)
    assert rig.store.done == ["reached"]  # the slot is not even erased
    assert rig.wait() == [script.query()]  # asks again after a period
    assert rig.hear(script.offered()) == [deferred("offer")]


def test_an_offer_is_asked_for_again_when_the_charge_is_back() -> None:
    rig = low(Stage.QUERYING)
    rig.hear(script.offered())
    assert charge(rig, LOW - 1) == []
    assert rig.left_us != 0
    assert charge(rig, ENOUGH) == []
    assert rig.left_us == 0
    assert rig.wait() == [script.query()]
    assert whats(rig.hear(script.offered())) == [Happening.DOWNLOAD_STARTED, script.ask(0)]


def test_the_charge_alone_asks_for_nothing() -> None:
    rig = low(Stage.READY)
    rig.rest(-1)  # not due yet
    deadline = rig.client.deadline
    charge(rig, ENOUGH)
    assert (rig.stage, rig.client.deadline) == (Stage.READY, deadline)


def test_an_old_refusal_to_take_an_offer_asks_once() -> None:
    rig = low(Stage.QUERYING, query_period_s=1000, query_jitter_s=0)
    rig.hear(script.offered())
    charge(rig, ENOUGH)
    rig.wait()
    rig.hear(script.refused_query())  # the hub has nothing any more
    charge(rig, LOW)
    charge(rig, ENOUGH)
    assert rig.left_us == 1000 * SECOND


@pytest.mark.parametrize("more", [False, True])
def test_what_is_no_offer_is_refused_as_ever(more: bool) -> None:
    rig = low(Stage.QUERYING, query_period_s=1000, query_jitter_s=0)
    response = script.offered(image_size=1001) if more else script.refused_query()
    status = Status.INSUFFICIENT_SPACE if more else Status.SUCCESS
    assert rig.heard(response) == ([], status)


def test_the_next_image_of_an_upgrade_waits_too() -> None:
    rig = low(Stage.QUERYING_MORE)
    assert rig.hear(script.offered(image_type=MORE_TYPE)) == [deferred("offer")]
    assert rig.stage is Stage.MORE
    assert rig.client.upgrade_status is ImageUpgradeStatus.WAIT_FOR_MORE
    charge(rig, ENOUGH)
    assert rig.wait() == [script.query(MORE_TYPE)]


# Downloads.


def test_a_download_pauses_at_its_offset_and_goes_on_there() -> None:
    rig = low(Stage.DOWNLOADING)
    assert rig.hear(script.block(0)) == [deferred("download")]  # what was asked for is kept
    assert (rig.stage, rig.left_us, rig.store.offset) == (Stage.PAUSED, None, BLOCK)
    assert rig.client.upgrade_status is ImageUpgradeStatus.DOWNLOAD_IN_PROGRESS
    assert not rig.client.expects_answer(rig.now)
    rig.rest(86_400 * SECOND)
    assert rig.client.wake(rig.now) == ()
    assert rig.hear(script.block(BLOCK)) == []  # nobody asked
    assert rig.store.offset == BLOCK
    charge(rig, ENOUGH)
    assert (rig.left_us, rig.wait()) == (0, [script.ask(BLOCK)])
    for offset in range(BLOCK, SIZE, BLOCK):
        last = rig.hear(script.block(offset))
    assert whats(last) == [Happening.IMAGE_ACCEPTED, script.end()]


def test_a_lost_block_is_not_asked_for_again_below_the_reserve() -> None:
    rig = low(Stage.DOWNLOADING, block_tries=2)
    assert rig.wait() == [deferred("download")]
    charge(rig, ENOUGH)
    # All tries are there again: the pause was no fault of the server's.
    assert [rig.wait() for _ in range(3)] == [[script.ask(0)]] * 3
    assert whats(rig.wait()) == [script.end(Status.ABORT), Happening.DOWNLOAD_STOPPED]


def test_a_wait_of_the_servers_ends_in_a_pause() -> None:
    rig = low(Stage.PAUSED)
    assert rig.left_us == 60 * SECOND
    assert rig.wait() == [deferred("download")]
    assert rig.left_us is None


def test_the_charge_shortens_no_wait_of_the_servers() -> None:
    rig = low(Stage.PAUSED)
    charge(rig, ENOUGH)
    assert rig.left_us == 60 * SECOND


def test_a_download_of_an_earlier_life_is_held_from_its_start() -> None:
    rig = Rig()
    rig.store.server, rig.store.held, rig.store.octets = script.HUB, OFFER, bytes(BLOCK)
    charge(rig, LOW)
    assert whats(rig.start()) == [Happening.DOWNLOAD_RESUMED, Happening.DEFERRED]
    charge(rig, ENOUGH)
    assert rig.wait() == [script.ask(BLOCK)]


def test_a_server_that_gave_up_meanwhile_is_asked_what_it_has() -> None:
    rig = low(Stage.DOWNLOADING)
    rig.hear(script.block(0))
    charge(rig, ENOUGH)
    rig.wait()
    response = ota.ImageBlockResponse(status=Status.ABORT)
    assert whats(rig.hear(response)) == [Happening.DOWNLOAD_STOPPED]
    assert (rig.stage, rig.left_us) == (Stage.READY, 0)


def test_the_blocks_of_a_page_are_kept_and_no_other_page_is_asked_for() -> None:
    rig = low(Stage.PAGING)
    assert rig.hear(script.block(0)) == []
    assert rig.hear(script.block(BLOCK)) == [deferred("download")]
    assert rig.store.offset == script.PAGE
    charge(rig, ENOUGH)
    assert rig.wait() == [script.ask_page(script.PAGE)]


def test_the_last_block_is_verified_whatever_the_charge() -> None:
    rig = script.at(Stage.DOWNLOADING)
    for offset in range(0, SIZE - BLOCK, BLOCK):
        rig.hear(script.block(offset))
    charge(rig, LOW)
    last = rig.hear(script.block(rig.store.offset))
    assert whats(last) == [Happening.IMAGE_ACCEPTED, script.end()]


# Trials.


def test_a_verified_image_waits_for_charge_and_then_is_tried() -> None:
    rig = held_back()
    assert (rig.stage, rig.client.upgrade_status) == (
        Stage.WAITING,
        ImageUpgradeStatus.WAITING_TO_UPGRADE,
    )
    assert "stage" not in rig.store.done
    charge(rig, ENOUGH)
    assert rig.stage is Stage.APPLYING
    assert whats(rig.wait()) == [Happening.ACTIVATING, Reboot()]
    assert rig.store.done[-1] == "stage"


def test_the_server_is_told_again_that_the_image_waits() -> None:
    rig = held_back()
    assert rig.left_us == rig.profile.wait_poll_s * SECOND
    assert rig.wait() == [script.end()]
    assert rig.hear(script.may_upgrade(0, 0)) == [deferred("trial")]


@pytest.mark.parametrize("upgrade_s", [60, ota.WAIT_FOR_ANOTHER])
def test_leave_may_be_taken_back_while_it_waits(upgrade_s: int) -> None:
    rig = held_back()
    rig.wait()
    rig.hear(script.may_upgrade(0, upgrade_s))
    stage = rig.stage
    assert stage is (Stage.COUNTING if upgrade_s == 60 else Stage.WAITING)
    charge(rig, ENOUGH)
    assert rig.stage is stage


def test_a_countdown_ends_in_a_wait_for_charge() -> None:
    rig = low(Stage.COUNTING)
    assert rig.wait() == [deferred("trial")]
    charge(rig, ENOUGH)
    assert rig.stage is Stage.APPLYING


def test_the_charge_may_fall_in_the_last_seconds() -> None:
    rig = low(Stage.APPLYING)
    assert rig.wait() == [deferred("trial")]
    assert (rig.stage, "stage" in rig.store.done) == (Stage.WAITING, False)


def test_an_image_without_leave_is_not_tried_by_charge() -> None:
    for stage in (Stage.ENDING, Stage.WAITING, Stage.EXTERNAL, Stage.COUNTING):
        rig = low(stage)
        charge(rig, ENOUGH)
        assert rig.stage is stage


def test_leave_for_an_image_that_went_is_no_leave_for_the_next() -> None:
    rig = held_back(query_period_s=1000, query_jitter_s=0)
    rig.wait()
    rig.hear(script.default(ota.UpgradeEndRequest, Status.FAILURE))
    assert rig.stage is Stage.READY
    charge(rig, ENOUGH)
    rig.wait()
    rig.hear(script.offered())
    for offset in range(0, SIZE, BLOCK):
        rig.hear(script.block(offset))
    charge(rig, LOW)
    rig.hear(script.default(ota.UpgradeEndRequest, Status.SUCCESS))
    rig.client.stage = Stage.WAITING
    charge(rig, ENOUGH)
    assert rig.stage is Stage.WAITING


@pytest.mark.parametrize("stage", [Stage.ENDING, Stage.EXTERNAL])
def test_an_activation_from_outside_is_kept_for_later(stage: Stage) -> None:
    rig = low(stage, activation_policy=1)
    assert list(rig.client.activate(rig.now)) == [deferred("trial")]
    assert (rig.stage, rig.left_us) == (Stage.EXTERNAL, None)
    rig.hear(script.may_upgrade(0, ota.WAIT_FOR_ANOTHER))  # the server has no say in it
    charge(rig, ENOUGH)
    assert rig.stage is Stage.APPLYING


def test_a_silent_server_starts_no_image_below_the_reserve() -> None:
    rig = low(Stage.ENDING, timeout_policy=0, end_tries=3)
    assert [rig.wait(), rig.wait()] == [[script.end()]] * 2
    assert rig.wait() == [deferred("trial")]
    charge(rig, ENOUGH)
    assert rig.stage is Stage.APPLYING


# Beside all that.


@pytest.mark.parametrize("stage", list(Stage))
def test_no_charge_moves_a_client_that_waits_for_none(stage: Stage) -> None:
    for percent in (0, LOW, ENOUGH, 100):
        rig = script.at(stage)
        deadline = rig.client.deadline
        assert charge(rig, percent) == []
        assert (rig.stage, rig.client.deadline) == (stage, deadline)


def test_a_client_off_the_network_takes_note() -> None:
    rig = Rig()
    charge(rig, LOW)
    rig.start()
    rig.hear(script.matched())
    rig.hear(script.resolved())
    rig.wait()
    assert rig.hear(script.offered()) == [deferred("offer")]
