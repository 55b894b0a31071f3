"""Each choice of a profile where real stacks differ is a behaviour, and another one than its peers.

Every member of every accept set of the fact sheet is here, with the value that reaches it.

Source: ota-cluster fact sheet, sections 2.1, 2.6, 2.8, 4.1, 4.3 and 4.4.
"""

import re
from enum import StrEnum
from pathlib import Path
from typing import get_type_hints

import pytest

from emulator.actions import Happening
from emulator.ota.stages import Stage
from emulator.profiles import switches
from emulator.profiles.model import OtaProfile
from emulator.units import MILLISECOND, SECOND
from emulator.wire import ota
from emulator.wire.codec import Frame
from emulator.wire.ota import ImageUpgradeStatus, Status
from tests.ota import scripted as script
from tests.ota.scripted import BLOCK, SIZE, Rig, Sought, whats

# Image Notify.

PLAIN = script.notify()
OTHER_NOTIFIES = [
    script.notify(query_jitter=99),
    script.notify(query_jitter=0),
    script.notify(payload_type=1, manufacturer=0x1234),
    script.notify(payload_type=3, manufacturer=1, image_type=2, file_version=script.RUNNING),
]


def test_a_unicast_notify_is_followed_by_a_query_whatever_it_holds() -> None:
    rig = script.at(Stage.READY, notify_unicast=switches.UnicastNotify.QUERY)
    assert all(rig.client.addressed(one) for one in (PLAIN, *OTHER_NOTIFIES))


def test_a_strict_client_takes_one_unicast_notify_alone() -> None:
    rig = script.at(Stage.READY, notify_unicast=switches.UnicastNotify.STRICT)
    assert rig.client.addressed(PLAIN)
    assert not any(rig.client.addressed(one) for one in OTHER_NOTIFIES)


ANY_MAKER = {"payload_type": 1, "manufacturer": 0xFFFF}
ANY_TYPE = {"payload_type": 2, "manufacturer": script.MANUFACTURER, "image_type": 0xFFFF}
ANY_BOTH = {"payload_type": 2, "manufacturer": 0xFFFF, "image_type": 0xFFFF}
ANY_ALL = {**ANY_BOTH, "payload_type": 3, "file_version": 0xFFFFFFFF}


@pytest.mark.parametrize(
    ("wildcards", "invited"),
    [
        (switches.Wildcards.NONE, [False, False, False, False]),
        (switches.Wildcards.TYPE, [False, True, False, False]),
        (switches.Wildcards.ALL, [True, True, True, True]),
    ],
)
def test_wildcards_of_a_broadcast_notify(wildcards: StrEnum, invited: list[bool]) -> None:
    rig = script.at(Stage.READY, notify_wildcards=wildcards)
    named = [ANY_MAKER, ANY_TYPE, ANY_BOTH, ANY_ALL]
    assert [rig.client.invited(script.notify(**one)) for one in named] == invited


@pytest.mark.parametrize(
    ("busy", "answer"),
    [
        (switches.BusyNotify.FAILURE, Status.FAILURE),
        (switches.BusyNotify.IGNORE, Status.SUCCESS),
    ],
)
@pytest.mark.parametrize("stage", [Stage.DOWNLOADING, Stage.PAGING, Stage.PAUSED, Stage.WAITING])
def test_a_notify_while_busy(stage: Stage, busy: StrEnum, answer: Status) -> None:
    rig = script.at(stage, notify_busy=busy)
    deadline = rig.client.deadline
    assert rig.heard(PLAIN) == ([], answer)
    assert (rig.stage, rig.client.deadline) == (stage, deadline)


# The server.


def test_the_first_server_is_taken() -> None:
    rig = Rig(server_choice=switches.ServerChoice.FIRST)
    assert rig.start() == [Sought(None)]
    rig.hear(script.matched(0x1234))
    assert rig.stage is Stage.RESOLVING


def test_the_coordinator_alone_is_taken() -> None:
    rig = Rig(server_choice=switches.ServerChoice.COORDINATOR)
    assert rig.start() == [Sought(0x0000)]
    assert rig.hear(script.matched(0x1234)) == []
    assert rig.stage is Stage.DISCOVERING
    rig.hear(script.matched(0x0000))
    assert rig.stage is Stage.RESOLVING


def test_no_device_is_its_own_server() -> None:
    rig = script.at(Stage.DISCOVERING)
    assert rig.hear(script.matched(rig.voice.address or 0)) == []
    assert rig.stage is Stage.DISCOVERING


@pytest.mark.parametrize("errors", [1, 2, 5])
def test_the_server_is_sought_anew_after_so_many_unanswered_queries(errors: int) -> None:
    rig = script.at(Stage.QUERYING, errors_before_discovery=errors, request_tries=2)
    silent = 0
    while rig.stage is not Stage.UNSERVED:
        silent += rig.stage is Stage.QUERYING
        rig.wait()
    assert silent == errors
    assert rig.client.server is None
    assert rig.left_us == rig.profile.discovery_retry_s * SECOND


def test_the_tries_of_a_query_are_spent_in_a_burst_and_then_a_period_passes() -> None:
    rig = script.at(Stage.QUERYING, errors_before_discovery=9, request_tries=2, query_period_s=5000)
    assert rig.left_us == rig.profile.response_timeout_ms * MILLISECOND
    assert rig.wait() == [script.query()]
    assert rig.wait() == []
    assert (rig.stage, rig.left_us) == (Stage.READY, 5000 * SECOND)
    assert rig.wait() == [script.query()]


USELESS = [
    script.refused_query(Status.NOT_AUTHORIZED),
    script.refused_query(Status.FAILURE),
    script.offered(image_type=0x1234),
    script.offered(image_size=0),
    script.offered(image_size=0xFFFFFFFF),
    script.default(ota.QueryNextImageRequest, Status.UNSUP_COMMAND),
]


@pytest.mark.parametrize("answer", USELESS, ids=repr)
def test_an_answer_of_no_use_counts_as_an_error(answer: Frame) -> None:
    rig = script.at(Stage.QUERYING, errors_before_discovery=2)
    assert rig.hear(answer) == []
    assert rig.stage is Stage.READY
    rig.wait()
    assert rig.hear(answer) == []
    assert rig.stage is Stage.UNSERVED


@pytest.mark.parametrize(
    "good", [script.refused_query(), script.offered(file_version=script.RUNNING)]
)
def test_a_good_answer_forgets_the_errors(good: Frame) -> None:
    rig = script.at(Stage.QUERYING, errors_before_discovery=2)
    for _ in range(5):
        rig.hear(USELESS[0])
        rig.wait()
        rig.hear(good)
        assert rig.stage is Stage.READY
        rig.wait()


@pytest.mark.parametrize("sends", [True, False])
def test_the_hardware_version_is_sent_or_not(sends: bool) -> None:
    rig = script.at(Stage.READY, query_sends_hardware_version=sends)
    query = rig.wait()[0]
    assert query.hardware_version == (script.HARDWARE if sends else None)
    assert len(query.encode()) == (11 if sends else 9)


# Offers.


def test_a_downgrade_is_taken_where_the_server_decides() -> None:
    rig = script.at(Stage.QUERYING, downgrade=switches.Consent.ACCEPT)
    assert whats(rig.hear(script.offered(file_version=script.RUNNING - 1)))[0] is (
        Happening.DOWNLOAD_STARTED
    )


def test_a_downgrade_is_refused_with_a_verdict_and_no_download() -> None:
    rig = script.at(Stage.QUERYING, downgrade=switches.Consent.REFUSE)
    older = script.RUNNING - 1
    actions = rig.hear(script.offered(file_version=older))
    assert actions == [script.end(Status.INVALID_IMAGE, file_version=older)]
    assert (rig.stage, rig.client.offer) == (Stage.READY, None)
    assert "begin" not in rig.store.done
    rig.wait()
    assert whats(rig.hear(script.offered()))[0] is Happening.DOWNLOAD_STARTED


@pytest.mark.parametrize("by_name", [True, False])
@pytest.mark.parametrize("consent", switches.Consent)
def test_the_running_version_is_installed_again_only_for_a_server_that_asked_by_name(
    consent: switches.Consent, by_name: bool
) -> None:
    rig = script.at(Stage.READY, reinstall=consent)
    if by_name:
        assert rig.client.addressed(PLAIN)
    rig.hear(PLAIN)
    taken = rig.hear(script.offered(file_version=script.RUNNING))
    assert bool(taken) is (by_name and consent is switches.Consent.ACCEPT)
    if not taken:
        rig.wait()  # the invitation is used up
        assert rig.hear(script.offered(file_version=script.RUNNING)) == []


def test_a_reinstall_is_not_repeated_by_a_poll() -> None:
    rig = script.at(Stage.READY, reinstall=switches.Consent.ACCEPT)
    assert rig.client.addressed(PLAIN)
    rig.hear(PLAIN)
    rig.hear(script.refused_query())
    rig.wait()
    assert rig.hear(script.offered(file_version=script.RUNNING)) == []


# Resume.


def interrupted(resume: switches.Resume, *, whole: bool = False, **more: int) -> Rig:
    """Return a rig that stored a block, or all of them, and left the network."""
    rig = script.at(Stage.ENDING if whole else Stage.DOWNLOADING, resume=resume, **more)
    if not whole:
        rig.hear(script.block(0))
    rig.client.stop()
    return rig


def test_a_download_goes_on_without_a_query() -> None:
    rig = interrupted(switches.Resume.STORED)
    assert whats(rig.start()) == [Happening.DOWNLOAD_RESUMED, script.ask(40)]


def test_a_download_goes_on_after_a_query() -> None:
    rig = interrupted(switches.Resume.QUERY)
    assert rig.start() == []
    assert rig.client.offer is None
    assert rig.wait() == [script.query()]
    assert whats(rig.hear(script.offered())) == [Happening.DOWNLOAD_RESUMED, script.ask(40)]


def test_a_query_that_goes_before_a_resumed_download_is_put_off_as_the_first_one_is() -> None:
    rig = interrupted(switches.Resume.QUERY, first_query_delay_s=60)
    rig.dice.wanted = [17]
    assert rig.start() == []
    assert (rig.stage, rig.left_us) == (Stage.READY, 17 * SECOND)


def test_a_download_that_is_not_offered_again_is_not_gone_on_with() -> None:
    rig = interrupted(switches.Resume.QUERY)
    rig.start()
    rig.wait()
    actions = rig.hear(script.offered(file_version=7))
    assert whats(actions)[0] is Happening.DOWNLOAD_STARTED
    assert actions[1].file_offset == 0


def test_a_download_begins_again() -> None:
    rig = interrupted(switches.Resume.RESTART)
    assert rig.start() == []
    assert rig.wait() == [script.query()]
    assert whats(rig.hear(script.offered())) == [Happening.DOWNLOAD_STARTED, script.ask(0)]


def test_a_download_begins_again_after_a_break_too() -> None:
    rig = script.at(Stage.DOWNLOADING, resume=switches.Resume.RESTART)
    rig.hear(script.block(0))
    rig.hear(ota.ImageBlockResponse(status=Status.ABORT))
    rig.wait()
    assert whats(rig.hear(script.offered())) == [Happening.DOWNLOAD_STARTED, script.ask(0)]


@pytest.mark.parametrize("resume", switches.Resume)
def test_a_whole_image_is_kept_over_a_reset(resume: switches.Resume) -> None:
    rig = interrupted(resume, whole=True)
    assert whats(rig.start()) == [
        Happening.DOWNLOAD_RESUMED,
        Happening.IMAGE_ACCEPTED,
        script.end(),
    ]


# Blocks.

FOREIGN = {
    "manufacturer": script.block(40, manufacturer=0x1234),
    "type": script.block(40, image_type=0x1234),
    "version": script.block(40, file_version=script.RUNNING),
}
UNFIT = {
    "empty": script.block(40, b""),
    "too large": script.block(40, bytes(BLOCK + 1)),
    "over the end": script.block(80, bytes(SIZE - 80 + 1)),
}
BAD = [
    *(("foreign_block", one) for one in FOREIGN.values()),
    *(("unfit_block", one) for one in UNFIT.values()),
]


def before(key: str, value: switches.BadBlock, bad: ota.ImageBlockResponse) -> Rig:
    """Return a rig that waits for the block in whose place a bad one comes."""
    rig = script.at(Stage.DOWNLOADING, **{key: value}, block_tries=3)
    for offset in range(0, bad.file_offset or 0, BLOCK):
        rig.hear(script.block(offset))
    rig.rest(SECOND)
    return rig


@pytest.mark.parametrize(
    ("value", "answer"),
    [
        (switches.BadBlock.REFUSE, Status.INVALID_VALUE),
        (switches.BadBlock.IGNORE, Status.SUCCESS),
    ],
)
@pytest.mark.parametrize(("key", "bad"), BAD, ids=repr)
def test_a_bad_block_is_as_good_as_lost(
    key: str, bad: ota.ImageBlockResponse, value: switches.BadBlock, answer: Status
) -> None:
    rig = before(key, value, bad)
    offset, deadline = rig.store.offset, rig.client.deadline
    assert rig.heard(bad) == ([], answer)
    assert (rig.store.offset, rig.client.deadline) == (offset, deadline)
    assert rig.hear(script.block(offset))


@pytest.mark.parametrize(("key", "bad"), BAD, ids=repr)
def test_a_bad_block_is_malformed_and_asked_for_again_so_often(
    key: str, bad: ota.ImageBlockResponse
) -> None:
    rig = before(key, switches.BadBlock.MALFORMED, bad)
    offset = rig.store.offset
    for _ in range(3):
        assert rig.heard(bad) == ([script.ask(offset)], Status.MALFORMED_COMMAND)
    actions, answer = rig.heard(bad)
    assert actions[0] == script.end(Status.ABORT)
    assert (rig.stage, answer) == (Stage.READY, Status.MALFORMED_COMMAND)
    assert rig.store.offset == offset


@pytest.mark.parametrize(("key", "bad"), BAD, ids=repr)
def test_a_bad_block_ends_the_download_for_good(key: str, bad: ota.ImageBlockResponse) -> None:
    rig = before(key, switches.BadBlock.END, bad)
    actions = rig.hear(bad)
    assert whats(actions) == [script.end(Status.INVALID_IMAGE), Happening.DOWNLOAD_STOPPED]
    assert (rig.stage, rig.store.held) == (Stage.READY, None)
    rig.wait()
    assert whats(rig.hear(script.offered())) == [Happening.DOWNLOAD_STARTED, script.ask(0)]


@pytest.mark.parametrize(
    ("revision", "unit", "unit_us"),
    [
        (2, switches.PeriodUnit.REVISION, SECOND),
        (3, switches.PeriodUnit.REVISION, MILLISECOND),
        (2, switches.PeriodUnit.MILLISECONDS, MILLISECOND),
        (3, switches.PeriodUnit.SECONDS, SECOND),
    ],
)
def test_the_unit_of_the_block_period_is_forced(
    revision: int, unit: switches.PeriodUnit, unit_us: int
) -> None:
    rig = script.at(Stage.DOWNLOADING, cluster_revision=revision, block_period_unit=unit)
    rig.hear(script.hold(0, 0, 7))
    assert rig.left_us == 7 * unit_us


# WAIT_FOR_DATA and upgrade times that are past.


def test_a_wait_that_is_past_is_a_long_one() -> None:
    rig = script.at(Stage.DOWNLOADING, past_wait=switches.PastWait.WAIT)
    assert rig.heard(script.hold(100, 50)) == ([], Status.SUCCESS)
    assert (rig.stage, rig.left_us) == (Stage.PAUSED, 300 * SECOND)


def test_a_wait_that_is_past_is_malformed_and_ends_the_download() -> None:
    rig = script.at(Stage.DOWNLOADING, past_wait=switches.PastWait.MALFORMED)
    rig.hear(script.block(0))
    actions, answer = rig.heard(script.hold(100, 50, 9))
    assert (whats(actions), answer) == ([Happening.DOWNLOAD_STOPPED], Status.MALFORMED_COMMAND)
    assert (rig.stage, rig.client.block_period) == (Stage.READY, 0)
    rig.wait()
    assert whats(rig.hear(script.offered()))[0] is Happening.DOWNLOAD_RESUMED


def test_an_upgrade_time_that_is_past_is_now() -> None:
    rig = script.at(Stage.ENDING, past_upgrade=switches.PastUpgrade.NOW)
    assert rig.heard(script.may_upgrade(100, 50)) == ([], Status.SUCCESS)
    assert rig.stage is Stage.APPLYING


def test_an_upgrade_time_that_is_past_is_asked_about_later() -> None:
    rig = script.at(Stage.ENDING, past_upgrade=switches.PastUpgrade.POLL)
    assert rig.heard(script.may_upgrade(100, 50)) == ([], Status.SUCCESS)
    assert (rig.stage, rig.left_us) == (Stage.WAITING, rig.profile.wait_poll_s * SECOND)
    assert rig.wait() == [script.end()]


def test_an_upgrade_time_that_is_past_is_malformed_and_asked_about_so_often() -> None:
    rig = script.at(Stage.ENDING, past_upgrade=switches.PastUpgrade.REFUSE, end_tries=3)
    for _ in range(2):
        assert rig.heard(script.may_upgrade(100, 50)) == ([], Status.MALFORMED_COMMAND)
        assert rig.left_us == rig.profile.response_timeout_ms * MILLISECOND
        assert rig.wait() == [script.end()]
    for _ in range(5):  # no storm, no end, nothing applied
        assert rig.heard(script.may_upgrade(100, 50)) == ([], Status.MALFORMED_COMMAND)
        assert (rig.stage, rig.left_us) == (Stage.WAITING, rig.profile.wait_poll_s * SECOND)
        assert rig.wait() == [script.end()]
    rig.hear(script.may_upgrade(100, 100))
    assert rig.stage is Stage.APPLYING


@pytest.mark.parametrize("past", [switches.PastUpgrade.POLL, switches.PastUpgrade.REFUSE])
def test_a_past_time_applies_nothing_after_silence_either(past: switches.PastUpgrade) -> None:
    rig = script.at(Stage.ENDING, past_upgrade=past, timeout_policy=0, end_tries=3)
    rig.hear(script.may_upgrade(2, 1))
    for _ in range(10):
        rig.wait()
        assert rig.stage is Stage.WAITING


@pytest.mark.parametrize(
    ("shown", "status"),
    [
        (switches.DownloadedStatus.COMPLETE, ImageUpgradeStatus.DOWNLOAD_COMPLETE),
        (switches.DownloadedStatus.WAITING, ImageUpgradeStatus.WAITING_TO_UPGRADE),
    ],
)
def test_the_status_after_the_download(
    shown: switches.DownloadedStatus, status: ImageUpgradeStatus
) -> None:
    rig = script.at(Stage.ENDING, status_after_download=shown)
    assert rig.client.upgrade_status is status
    rig.hear(script.may_upgrade(0, 60))
    assert rig.client.upgrade_status is ImageUpgradeStatus.COUNT_DOWN


@pytest.mark.parametrize(("policy", "stage"), [(0, Stage.APPLYING), (1, Stage.WAITING)])
def test_a_silent_server_after_three_requests(policy: int, stage: Stage) -> None:
    rig = script.at(Stage.ENDING, timeout_policy=policy, end_tries=3)
    requests = 1
    while actions := rig.wait():
        assert actions == [script.end()]
        requests += 1
    assert (requests, rig.stage) == (3, stage)


# The tables and the model agree.


def test_each_value_of_each_switch_is_named_in_a_test() -> None:
    """A value that no test names could do anything.

    Stranger and Requirement are the device's, SignedIntegrity the image's, Fallback the loader's:
    tested there.
    """
    kinds = {
        hint
        for hint in get_type_hints(OtaProfile).values()
        if isinstance(hint, type) and hint.__module__ == switches.__name__
    }
    text = Path(__file__).read_text("utf-8")
    unnamed = [
        f"{kind.__name__}.{member.name}"
        for kind in kinds - {switches.Stranger}
        for member in kind
        if not re.search(rf"switches\.{kind.__name__}(\.{member.name}|\))", text)
    ]
    assert unnamed == []
    assert kinds == {
        one
        for one in vars(switches).values()
        if isinstance(one, type) and issubclass(one, StrEnum) and one is not StrEnum
    } - {switches.SignedIntegrity, switches.Fallback, switches.Requirement}
