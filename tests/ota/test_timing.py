"""When the OTA client does what it does: waits, rate limits, polls, countdowns, invitations.

Source: ZCL rev 8, 11.10.10, 11.13.3, 11.13.8, 11.13.10, 11.16; ota-cluster sections 2.1, 2.6, 2.8.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.ota import timing
from emulator.ota.stages import Stage
from emulator.units import HOUR, MILLISECOND, MINUTE, SECOND
from emulator.wire import ota
from emulator.wire.ota import ImageUpgradeStatus, Status
from tests.ota import scripted as script
from tests.ota.scripted import Rig

U32 = st.integers(0, 0xFFFFFFFF)

# WAIT_FOR_DATA.


@pytest.mark.parametrize(
    ("current", "request_at", "seconds"),
    [
        (0, 1, 1),
        (0, 60, 60),
        (700_000_000, 700_000_030, 30),
        (0, 0xFFFFFFFF, 3600),  # capped: asked again by then
        (1, 3601, 3600),
        (1, 3602, 3600),
        (100, 99, 300),  # invalid: no storm, no end
        (0xFFFFFFFF, 0, 300),
    ],
)
def test_the_client_waits_as_told(current: int, request_at: int, seconds: int) -> None:
    rig = script.at(Stage.DOWNLOADING, longest_wait_s=3600)
    rig.hear(script.block(0))
    rig.rest(SECOND)
    assert rig.hear(script.hold(current, request_at, 0)) == []
    assert (rig.stage, rig.left_us) == (Stage.PAUSED, seconds * SECOND)
    assert rig.client.upgrade_status is ImageUpgradeStatus.DOWNLOAD_IN_PROGRESS
    assert rig.wait() == [script.ask(40)]


@pytest.mark.parametrize(("current", "request_at"), [(0, 0), (5, 5), (0xFFFFFFFF, 0xFFFFFFFF)])
@pytest.mark.parametrize("period", [None, 0])
def test_no_time_to_wait_asks_for_the_same_block_at_once(
    current: int, request_at: int, period: int | None
) -> None:
    rig = script.at(Stage.DOWNLOADING)
    rig.rest(MILLISECOND)
    assert rig.hear(script.hold(current, request_at, period)) == [script.ask(0)]
    assert rig.stage is Stage.DOWNLOADING


def test_a_wait_gives_the_tries_back() -> None:
    rig = script.at(Stage.DOWNLOADING, block_tries=1)
    for _ in range(5):
        assert rig.wait() == [script.ask(0)]
        rig.hear(script.hold(0, 1))
        assert rig.wait() == [script.ask(0)]
    assert rig.wait() == [script.ask(0)]
    assert script.end(Status.ABORT) in rig.wait()


@given(U32, U32, st.integers(1, 100_000))
def test_a_wait_is_never_negative_nor_longer_than_allowed(
    current: int, request_at: int, longest: int
) -> None:
    waited = timing.wait_s(current, request_at, longest)
    assert 0 <= waited <= longest
    if current <= request_at <= current + longest:
        assert waited == request_at - current
    if request_at < current:
        assert waited > 0


# Rate limits.


@pytest.mark.parametrize(
    ("revision", "unit_us"),
    [(1, MILLISECOND), (2, SECOND), (3, MILLISECOND), (4, MILLISECOND)],
)
def test_the_period_counts_from_request_to_request(revision: int, unit_us: int) -> None:
    rig = script.at(Stage.DOWNLOADING, cluster_revision=revision)
    asked_at = rig.now
    rig.rest(10 * MILLISECOND)
    assert rig.hear(script.hold(0, 0, 200)) == []
    assert rig.client.block_period == 200
    for offset in (0, 40, 80):
        assert rig.stage is Stage.PAUSED
        assert rig.client.deadline == asked_at + 200 * unit_us
        assert rig.wait() == [script.ask(offset, 200)]
        asked_at = rig.now
        rig.rest(10 * MILLISECOND)
        rig.hear(script.block(offset))


def test_the_longer_of_wait_and_period_counts() -> None:
    rig = script.at(Stage.DOWNLOADING)
    asked_at = rig.now
    rig.rest(SECOND)
    rig.hear(script.hold(0, 5, 60_000))
    assert rig.client.deadline == asked_at + MINUTE
    rig.wait()
    rig.rest(SECOND)
    rig.hear(script.hold(0, 90, 60_000))
    assert rig.left_us == 90 * SECOND


def test_a_period_that_is_over_does_not_delay() -> None:
    rig = script.at(Stage.DOWNLOADING)
    rig.rest(SECOND)
    assert rig.hear(script.hold(0, 0, 1000)) == [script.ask(0, 1000)]


def test_a_repeated_request_keeps_the_period_too() -> None:
    rig = script.at(Stage.DOWNLOADING, block_timeout_ms=100, block_tries=2)
    rig.hear(script.hold(0, 0, 250))
    rig.wait()
    asked_at = rig.now
    assert rig.wait() == []
    assert (rig.stage, rig.client.deadline) == (Stage.PAUSED, asked_at + 250 * MILLISECOND)
    assert rig.wait() == [script.ask(0, 250)]


def test_the_period_of_the_profile_is_the_default() -> None:
    rig = script.at(Stage.DOWNLOADING, block_period=300)
    assert rig.client.block_period == 300
    assert rig.hear(script.block(0)) == []
    assert rig.left_us == 300 * MILLISECOND
    rig.wait()
    rig.hear(script.hold(0, 0))  # absent counts as 0
    assert rig.client.block_period == 0


@pytest.mark.parametrize(
    "stop",
    [
        ota.ImageBlockResponse(status=Status.ABORT),
        script.default(ota.ImageBlockRequest, Status.NO_IMAGE_AVAILABLE),
    ],
)
def test_the_period_is_the_default_again_after_a_session(stop: ota.ImageBlockResponse) -> None:
    rig = script.at(Stage.DOWNLOADING, block_period=7)
    rig.hear(script.hold(0, 0, 200))
    rig.wait()
    assert rig.client.block_period == 200
    rig.hear(stop)
    assert rig.client.block_period == 7


# Upgrade End Response.


@pytest.mark.parametrize(
    ("current", "upgrade", "seconds"),
    [
        (0, 1, 1),
        (0, 604_800, 604_800),
        (700_000_000, 700_000_060, 60),
        (1, 0xFFFFFFFE, None),
        (0, 604_801, None),
        (0, 0, 0),
        (5, 5, 0),
        (5, 4, 0),  # past: now
        (0xFFFFFFFF, 0, 0),
    ],
)
def test_the_client_counts_down_as_told(current: int, upgrade: int, seconds: int | None) -> None:
    rig = script.at(Stage.ENDING, longest_countdown_s=604_800, apply_delay_ms=3000)
    rig.rest(SECOND)
    assert rig.hear(script.may_upgrade(current, upgrade)) == []
    if seconds is None:  # rather ask again than upgrade early
        assert (rig.stage, rig.left_us) == (Stage.WAITING, 604_800 * SECOND)
        assert rig.wait() == [script.end()]
        return
    if seconds:
        assert (rig.stage, rig.left_us) == (Stage.COUNTING, seconds * SECOND)
        assert rig.client.upgrade_status is ImageUpgradeStatus.COUNT_DOWN
        assert rig.wait() == []
    assert (rig.stage, rig.left_us) == (Stage.APPLYING, 3 * SECOND)


def test_wait_for_another_is_asked_about_every_hour_for_ever() -> None:
    rig = script.at(Stage.WAITING, wait_poll_s=3600, end_retry_s=1800)
    assert rig.client.upgrade_status is ImageUpgradeStatus.WAITING_TO_UPGRADE
    for _ in range(30):
        assert rig.left_us == HOUR
        assert rig.wait() == [script.end()]
        assert rig.stage is Stage.WAITING
    rig.hear(script.may_upgrade(0, 10))
    assert rig.stage is Stage.COUNTING


def test_a_countdown_may_be_moved_and_taken_back() -> None:
    rig = script.at(Stage.COUNTING)
    rig.hear(script.may_upgrade(0, 600))
    assert (rig.stage, rig.left_us) == (Stage.COUNTING, 600 * SECOND)
    rig.hear(script.may_upgrade(0, ota.WAIT_FOR_ANOTHER))
    assert rig.stage is Stage.WAITING
    rig.hear(script.may_upgrade(9, 9))
    assert rig.stage is Stage.APPLYING


def test_silence_applies_the_image_where_the_policy_says_so() -> None:
    rig = script.at(Stage.ENDING, timeout_policy=0, end_tries=3, end_retry_s=3600)
    for _ in range(2):
        assert rig.left_us == HOUR
        assert rig.wait() == [script.end()]
    assert rig.wait() == []
    assert rig.stage is Stage.APPLYING


def test_silence_applies_nothing_by_default() -> None:
    rig = script.at(Stage.ENDING, end_tries=2, end_retry_s=3600, wait_poll_s=7200)
    assert rig.wait() == [script.end()]
    for _ in range(20):
        rig.wait()
        assert (rig.stage, rig.left_us) == (Stage.WAITING, 2 * HOUR)


@given(U32, U32)
def test_a_countdown_is_never_negative(current: int, upgrade: int) -> None:
    assert timing.countdown_s(current, upgrade) == max(0, upgrade - current)


# When an answer is listened for.


@pytest.mark.parametrize("stage", Stage)
def test_an_answer_is_expected_while_a_request_is_out(stage: Stage) -> None:
    rig = script.at(stage)
    asks = {
        *(Stage.DISCOVERING, Stage.RESOLVING, Stage.QUERYING, Stage.QUERYING_MORE),
        *(Stage.DOWNLOADING, Stage.PAGING, Stage.ENDING),
    }
    assert rig.client.expects_answer(rig.now) is (stage in asks)
    rig.client.stop()
    assert not rig.client.expects_answer(rig.now)


def test_leave_is_listened_for_only_as_long_as_an_answer_takes() -> None:
    rig = script.at(Stage.ENDING, end_tries=2)
    for _ in range(3):  # the first request, the repeated one
        assert rig.client.expects_answer(rig.now)
        rig.rest(rig.profile.response_timeout_ms * MILLISECOND)
        assert not rig.client.expects_answer(rig.now)
        rig.wait() or rig.wait()
    assert rig.stage is Stage.WAITING  # and a reminder
    rig.hear(script.may_upgrade(0, ota.WAIT_FOR_ANOTHER))
    assert not rig.client.expects_answer(rig.now)


# Image Notify.


@pytest.mark.parametrize("stage", [Stage.READY, Stage.UNSERVED])
def test_a_notify_hurries_the_next_query(stage: Stage) -> None:
    rig = script.at(Stage.QUERYING)
    rig.hear(script.refused_query())
    if stage is Stage.UNSERVED:
        rig = script.at(stage)
    actions = rig.hear(script.notify())
    assert actions == ([script.query()] if stage is Stage.READY else [script.Sought()])


def test_a_notify_gives_the_query_all_its_tries() -> None:
    rig = script.at(Stage.QUERYING, request_tries=2)
    rig.hear(script.refused_query())
    rig.hear(script.notify())
    assert rig.wait() == [script.query()]
    assert rig.wait() == []


@pytest.mark.parametrize(
    "stage",
    [
        *(Stage.DOWNLOADING, Stage.PAGING, Stage.PAUSED, Stage.ENDING, Stage.WAITING),
        *(Stage.EXTERNAL, Stage.COUNTING, Stage.APPLYING),
    ],
)
def test_a_busy_client_refuses_a_notify(stage: Stage) -> None:
    rig = script.at(stage)
    deadline = rig.client.deadline
    assert rig.heard(script.notify()) == ([], Status.FAILURE)
    assert (rig.stage, rig.client.deadline) == (stage, deadline)


OURS = {"manufacturer": script.MANUFACTURER}
OUR_TYPE = {**OURS, "image_type": script.IMAGE_TYPE}


@pytest.mark.parametrize(
    ("fields", "invited"),
    [
        ({"payload_type": 0}, True),
        ({"payload_type": 1, **OURS}, True),
        ({"payload_type": 1, "manufacturer": 0x1234}, False),
        ({"payload_type": 1, "manufacturer": 0xFFFF}, False),
        ({"payload_type": 2, **OUR_TYPE}, True),
        ({"payload_type": 2, **OURS, "image_type": 0x1234}, False),
        ({"payload_type": 2, **OURS, "image_type": 0xFFFF}, False),
        ({"payload_type": 3, **OUR_TYPE, "file_version": script.OFFERED}, True),
        ({"payload_type": 3, **OUR_TYPE, "file_version": 0}, True),
        ({"payload_type": 3, **OUR_TYPE, "file_version": script.RUNNING}, False),
        ({"payload_type": 4, **OUR_TYPE, "file_version": script.OFFERED}, False),
        ({"payload_type": 0, "query_jitter": 0}, False),
        ({"payload_type": 0, "query_jitter": 101}, False),
        ({"payload_type": 0, "query_jitter": 255}, False),
    ],
)
def test_a_broadcast_invites_whom_it_names(fields: dict[str, int], invited: bool) -> None:
    rig = script.at(Stage.READY)
    rig.dice.wanted = [1]
    assert rig.client.invited(script.notify(**fields)) is invited


@pytest.mark.parametrize(("jitter", "drawn", "invited"), [(1, 1, True), (1, 2, False)])
def test_a_broadcast_invites_by_lot(jitter: int, drawn: int, invited: bool) -> None:
    rig = script.at(Stage.READY)
    rig.dice.wanted = [drawn]
    assert rig.client.invited(script.notify(query_jitter=jitter)) is invited
    assert rig.dice.limits[-1] == (1, 101)


def test_a_jitter_of_100_invites_everybody() -> None:
    rig = script.at(Stage.READY)
    rig.dice.wanted = [100]
    assert rig.client.invited(script.notify(query_jitter=100))


def test_a_broadcast_of_the_version_that_is_held_invites_nobody() -> None:
    rig = script.at(Stage.DOWNLOADING)
    held = {"payload_type": 3, **OUR_TYPE, "file_version": script.OFFERED}
    assert not rig.client.invited(script.notify(**held))
    assert Rig().client.invited(script.notify(**held))
