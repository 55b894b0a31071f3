"""What the OTA client does with each thing a server may send, seen by its frames and its deadline.

Source: ZCL rev 8, chapter 11; ota-cluster fact sheet, sections 4.3 and 4.4.
"""

import pytest

from emulator.actions import Happening, Reboot, Report
from emulator.ota.ports import Refused
from emulator.ota.stages import Stage
from emulator.units import MILLISECOND, SECOND
from emulator.wire import ota
from emulator.wire.codec import Frame
from emulator.wire.ota import ImageUpgradeStatus, Status
from tests.ota import scripted as script
from tests.ota.scripted import BLOCK, HUB, OFFER, SIZE, Resolved, Rig, Sought, whats

# Discovery.


def test_a_client_without_a_server_seeks_one_at_once() -> None:
    rig = Rig()
    assert rig.start() == [Sought()]
    assert rig.left_us == rig.profile.response_timeout_ms * MILLISECOND


def test_nobody_answers_and_the_client_seeks_again_later() -> None:
    rig = script.at(Stage.DISCOVERING)
    assert rig.wait() == []
    assert (rig.stage, rig.left_us) == (Stage.UNSERVED, rig.profile.discovery_retry_s * SECOND)
    assert rig.wait() == [Sought()]
    assert rig.stage is Stage.DISCOVERING


def test_the_first_responder_is_taken_with_the_first_of_its_endpoints() -> None:
    rig = script.at(Stage.DISCOVERING)
    assert rig.hear(script.matched(0x1234, 9, 3)) == [Resolved(0x1234)]
    assert rig.hear(script.matched(0x5678, 1)) == []
    assert rig.hear(script.resolved(0x5678)) == []
    assert rig.stage is Stage.RESOLVING
    assert whats(rig.hear(script.resolved(0x1234))) == [Happening.SERVER_FOUND]
    assert rig.store.server is not None
    assert (rig.store.server.address, rig.store.server.endpoint) == (0x1234, 9)
    assert rig.store.server.eui64 == HUB.eui64


@pytest.mark.parametrize("match", [script.matched(status=0x80), script.matched(status=0x81)])
def test_a_refusal_to_serve_is_no_responder(match: Frame) -> None:
    rig = script.at(Stage.DISCOVERING)
    assert rig.hear(match) == []
    assert rig.stage is Stage.DISCOVERING


def test_the_address_is_asked_for_a_limited_number_of_times() -> None:
    rig = script.at(Stage.RESOLVING, request_tries=3)
    assert rig.hear(script.resolved(status=0x81)) == []
    assert [rig.wait(), rig.wait()] == [[Resolved(HUB.address)]] * 2
    assert rig.wait() == []
    assert rig.stage is Stage.UNSERVED
    assert rig.client.server is None


def test_a_server_just_found_is_asked_at_once() -> None:
    rig = script.at(Stage.READY, first_query_delay_s=60)
    assert rig.left_us == 0
    assert rig.wait() == [script.query()]
    assert rig.voice.servers == [HUB]


def test_a_server_known_from_an_earlier_life_is_asked_after_a_random_delay() -> None:
    rig = Rig(first_query_delay_s=60)
    rig.store.server = HUB
    rig.dice.wanted = [17]
    assert rig.start() == []
    assert rig.dice.limits == [(0, 61)]
    assert (rig.stage, rig.left_us) == (Stage.READY, 17 * SECOND)


def test_a_client_in_a_hurry_draws_no_delay() -> None:
    rig = Rig(first_query_delay_s=60)
    rig.store.server = HUB
    rig.start(hurry=True)
    assert (rig.left_us, rig.dice.limits) == (0, [])


# Queries.


def test_an_unanswered_query_is_repeated_and_then_the_server_is_sought_anew() -> None:
    rig = script.at(Stage.QUERYING, request_tries=3)
    assert rig.left_us == rig.profile.response_timeout_ms * MILLISECOND
    assert [rig.wait(), rig.wait()] == [[script.query()]] * 2
    assert rig.wait() == []
    assert rig.stage is Stage.UNSERVED


@pytest.mark.parametrize(
    ("response", "answer"),
    [
        (script.refused_query(Status.NO_IMAGE_AVAILABLE), Status.SUCCESS),
        (script.refused_query(Status.NOT_AUTHORIZED), Status.SUCCESS),
        (script.refused_query(Status.FAILURE), Status.SUCCESS),
        (script.offered(file_version=script.RUNNING), Status.SUCCESS),
        (script.offered(manufacturer=0x1234), Status.INVALID_FIELD),
        (script.offered(image_type=0x1234), Status.INVALID_FIELD),
        (script.offered(image_size=0), Status.INVALID_FIELD),
        (script.offered(image_size=1001), Status.INSUFFICIENT_SPACE),
        (script.offered(image_size=0xFFFFFFFF), Status.INSUFFICIENT_SPACE),
    ],
)
def test_what_is_no_offer_ends_the_query_for_a_period(response: Frame, answer: Status) -> None:
    rig = script.at(Stage.QUERYING, query_period_s=1000, query_jitter_s=100)
    rig.dice.wanted = [42]
    assert rig.heard(response) == ([], answer)
    assert (rig.stage, rig.left_us) == (Stage.READY, 1042 * SECOND)
    assert rig.dice.limits[-1] == (0, 101)
    assert rig.store.done == ["reached"]
    assert rig.wait() == [script.query()]


def test_an_image_that_just_fits_is_taken() -> None:
    rig = script.at(Stage.QUERYING)
    assert whats(rig.hear(script.offered(image_size=1000)))[0] is Happening.DOWNLOAD_STARTED


@pytest.mark.parametrize("version", [script.OFFERED, 0, script.RUNNING - 1, 0xFFFFFFFE])
def test_another_version_is_taken_higher_or_lower(version: int) -> None:
    rig = script.at(Stage.QUERYING)
    actions = rig.hear(script.offered(file_version=version))
    assert whats(actions)[0] is Happening.DOWNLOAD_STARTED
    assert actions[1].file_version == version
    assert rig.store.done == ["reached", "begin"]
    assert rig.client.upgrade_status is ImageUpgradeStatus.DOWNLOAD_IN_PROGRESS


def test_an_image_that_failed_is_not_taken_by_a_query_of_the_clients_own() -> None:
    rig = script.at(Stage.QUERYING)
    rig.store.failed = OFFER
    assert rig.hear(script.offered()) == []
    assert rig.stage is Stage.READY
    rig.wait()
    assert rig.hear(script.offered(file_version=script.OFFERED + 1))


def test_a_refused_query_waits_a_period_whatever_the_reason() -> None:
    for status in (Status.UNSUP_COMMAND, Status.NO_IMAGE_AVAILABLE, Status.FAILURE):
        rig = script.at(Stage.QUERYING)
        assert rig.hear(script.default(ota.QueryNextImageRequest, status)) == []
        assert (rig.stage, rig.left_us) == (Stage.READY, rig.profile.query_period_s * SECOND)


@pytest.mark.parametrize(
    "answer",
    [
        script.default(ota.QueryNextImageRequest, Status.MALFORMED_COMMAND),  # spoilt on the air
        script.default(ota.QueryNextImageRequest, Status.SUCCESS),
        script.default(ota.ImageBlockRequest, Status.ABORT),
    ],
)
def test_another_default_response_does_not_end_a_query(answer: Frame) -> None:
    rig = script.at(Stage.QUERYING)
    assert rig.hear(answer) == []
    assert rig.stage is Stage.QUERYING
    assert rig.wait() == [script.query()]


ASKING = (Stage.QUERYING, Stage.QUERYING_MORE)


@pytest.mark.parametrize("stage", [one for one in Stage if one not in (Stage.OFF, *ASKING)])
def test_a_query_response_that_nobody_asked_for_is_refused(stage: Stage) -> None:
    rig = script.at(stage)
    offset = rig.store.offset
    assert rig.heard(script.offered(file_version=99)) == ([], Status.FAILURE)
    assert (rig.stage, rig.store.offset) == (stage, offset)


# Blocks.


def test_a_whole_download_asks_for_each_octet_once() -> None:
    rig = script.at(Stage.QUERYING)
    assert rig.hear(script.offered())[1:] == [script.ask(0)]
    assert rig.hear(script.block(0)) == [script.ask(40)]
    assert rig.hear(script.block(40, script.content(40, 7))) == [script.ask(47)]  # short: legal
    assert rig.hear(script.block(47)) == [script.ask(87)]
    last = rig.hear(script.block(87))
    assert whats(last) == [Happening.IMAGE_ACCEPTED, script.end()]
    assert rig.store.octets == script.content(0, SIZE)
    assert rig.client.upgrade_status is ImageUpgradeStatus.DOWNLOAD_COMPLETE


BAD_BLOCKS = {
    "wrong manufacturer": (script.block(40, manufacturer=0x1234), Status.INVALID_VALUE),
    "wrong type": (script.block(40, image_type=0x1234), Status.INVALID_VALUE),
    "wrong version": (script.block(40, file_version=script.RUNNING), Status.INVALID_VALUE),
    "any manufacturer": (script.block(40, manufacturer=0xFFFF), Status.INVALID_VALUE),
    "duplicate": (script.block(0), Status.SUCCESS),
    "offset low": (script.block(39), Status.SUCCESS),
    "offset high": (script.block(80), Status.SUCCESS),
    "size 0": (script.block(40, b""), Status.INVALID_VALUE),
    "too large": (script.block(40, bytes(BLOCK + 1)), Status.INVALID_VALUE),
    "unknown status": (ota.ImageBlockResponse(status=0x42), Status.INVALID_VALUE),
    "strange status": (ota.ImageBlockResponse(status=Status.FAILURE), Status.INVALID_VALUE),
}


@pytest.mark.parametrize("name", BAD_BLOCKS)
def test_a_bad_block_is_as_good_as_lost(name: str) -> None:
    """No octet is stored, the deadline stays, and a good block still counts."""
    frame, answer = BAD_BLOCKS[name]
    rig = script.at(Stage.DOWNLOADING)
    rig.hear(script.block(0))
    deadline = rig.client.deadline
    rig.rest(SECOND)
    assert rig.heard(frame) == ([], answer)
    assert (rig.stage, rig.client.deadline) == (Stage.DOWNLOADING, deadline)
    assert rig.store.octets == script.content(0)
    assert rig.heard(script.block(40)) == ([script.ask(80)], Status.SUCCESS)


@pytest.mark.parametrize("size", [21, BLOCK])
def test_a_block_over_the_end_of_the_image_is_refused(size: int) -> None:
    rig = script.at(Stage.DOWNLOADING)
    rig.hear(script.block(0))
    rig.hear(script.block(40))
    assert rig.heard(script.block(80, bytes(size))) == ([], Status.INVALID_VALUE)
    assert rig.store.offset == 80
    assert whats(rig.hear(script.block(80)))[0] is Happening.IMAGE_ACCEPTED


def test_bad_blocks_use_up_no_tries_and_good_ones_give_them_back() -> None:
    rig = script.at(Stage.DOWNLOADING, block_tries=2)
    rig.wait()
    rig.hear(script.block(80))
    assert rig.wait() == [script.ask(0)]
    assert rig.hear(script.block(0)) == [script.ask(40)]
    assert [rig.wait(), rig.wait()] == [[script.ask(40)]] * 2
    assert script.end(Status.ABORT) in rig.wait()


def test_a_silent_server_is_asked_again_and_then_given_up_with_abort() -> None:
    rig = script.at(Stage.DOWNLOADING, block_tries=3, query_jitter_s=0)
    rig.hear(script.block(0))
    for _ in range(3):
        assert rig.left_us == rig.profile.block_timeout_ms * MILLISECOND
        assert rig.wait() == [script.ask(40)]
    actions = rig.wait()
    assert whats(actions) == [script.end(Status.ABORT), Happening.DOWNLOAD_STOPPED]
    assert (rig.stage, rig.left_us) == (Stage.READY, rig.profile.query_period_s * SECOND)
    assert rig.client.upgrade_status is ImageUpgradeStatus.NORMAL
    assert rig.client.offer is None


def test_a_download_given_up_goes_on_where_it_was_at_the_next_offer() -> None:
    rig = script.at(Stage.DOWNLOADING, block_tries=1)
    rig.hear(script.block(0))
    rig.wait()
    rig.wait()
    rig.wait()
    actions = rig.hear(script.offered())
    assert whats(actions) == [Happening.DOWNLOAD_RESUMED, script.ask(40)]
    assert rig.store.octets == script.content(0)


@pytest.mark.parametrize("other", [{"image_size": SIZE - 1}, {"file_version": 7}])
def test_another_offer_starts_from_the_beginning(other: dict[str, int]) -> None:
    rig = script.at(Stage.DOWNLOADING, block_tries=1)
    rig.hear(script.block(0))
    rig.wait()
    rig.wait()
    rig.wait()
    actions = rig.hear(script.offered(**other))
    assert whats(actions)[0] is Happening.DOWNLOAD_STARTED
    assert actions[1].file_offset == 0
    assert rig.store.octets == b""


#: zigpy says MALFORMED_COMMAND past the end (ota-cluster section 3): all of these mean stop.
@pytest.mark.parametrize(
    "stop",
    [
        *(
            ota.ImageBlockResponse(status=status)
            for status in (Status.ABORT, Status.NO_IMAGE_AVAILABLE, Status.MALFORMED_COMMAND)
        ),
        *(
            script.default(ota.ImageBlockRequest, status)
            for status in (Status.ABORT, Status.NO_IMAGE_AVAILABLE, Status.UNSUP_COMMAND)
        ),
    ],
    ids=repr,
)
def test_a_stop_ends_the_download_without_an_end_request(stop: Frame) -> None:
    rig = script.at(Stage.DOWNLOADING)
    rig.hear(script.block(0))
    assert whats(rig.hear(stop)) == [Happening.DOWNLOAD_STOPPED]
    assert (rig.stage, rig.left_us) == (Stage.READY, rig.profile.query_period_s * SECOND)
    assert rig.client.answer is Status.SUCCESS


@pytest.mark.parametrize(
    "other",
    [
        script.default(ota.ImageBlockRequest, Status.SUCCESS),
        script.default(ota.ImageBlockRequest, Status.MALFORMED_COMMAND),
        script.default(ota.ImageBlockRequest, 0x42),
        script.default(ota.UpgradeEndRequest, Status.ABORT),
    ],
    ids=repr,
)
def test_another_default_response_does_not_end_a_download(other: Frame) -> None:
    rig = script.at(Stage.DOWNLOADING)
    assert rig.hear(other) == []
    assert rig.stage is Stage.DOWNLOADING
    assert rig.wait() == [script.ask(0)]


def test_the_block_request_says_what_the_profile_wants() -> None:
    for node, period in ((False, False), (True, False), (False, True), (True, True)):
        rig = script.at(Stage.QUERYING, block_sends_node_address=node, block_sends_period=period)
        request = rig.hear(script.offered())[1]
        assert request.node_address == (0xAABBCCDDEEFF0011 if node else None)
        assert request.block_period == (0 if period else None)
        request.encode()  # flags and fields agree


# Verdict, response, activation.


def test_a_refused_image_is_told_and_thrown_away() -> None:
    rig = script.at(Stage.DOWNLOADING)
    rig.store.refusal = Refused(status=Status.INVALID_IMAGE, reason="digest")
    rig.hear(script.block(0))
    rig.hear(script.block(40))
    actions = rig.hear(script.block(80))
    assert whats(actions) == [Happening.IMAGE_REFUSED, script.end(Status.INVALID_IMAGE)]
    assert rig.store.done[-2:] == ["check", "discard"]
    assert (rig.stage, rig.left_us) == (Stage.READY, rig.profile.query_period_s * SECOND)
    assert rig.heard(script.may_upgrade()) == ([], Status.FAILURE)
    assert "stage" not in rig.store.done


@pytest.mark.parametrize(
    ("fields", "meant"),
    [
        ({}, True),
        ({"manufacturer": 0xFFFF}, True),
        ({"image_type": 0xFFFF}, True),
        ({"file_version": 0xFFFFFFFF}, True),
        ({"manufacturer": 0xFFFF, "image_type": 0xFFFF, "file_version": 0xFFFFFFFF}, True),
        ({"manufacturer": 0x1234}, False),
        ({"image_type": 0x1234}, False),
        ({"file_version": script.RUNNING}, False),
        ({"manufacturer": 0xFFFF, "file_version": 1}, False),
    ],
)
def test_an_end_response_must_name_the_image_or_any(fields: dict[str, int], meant: bool) -> None:
    rig = script.at(Stage.ENDING)
    deadline = rig.client.deadline
    assert rig.heard(script.may_upgrade(**fields)) == ([], Status.SUCCESS)
    assert rig.stage is (Stage.APPLYING if meant else Stage.ENDING)
    assert (rig.client.deadline != deadline) is meant


@pytest.mark.parametrize(
    "stage",
    [
        *(Stage.UNSERVED, Stage.READY, Stage.QUERYING, Stage.DOWNLOADING, Stage.PAGING),
        *(Stage.PAUSED, Stage.MORE, Stage.QUERYING_MORE),
    ],
)
def test_without_a_verified_image_nothing_is_activated(stage: Stage) -> None:
    rig = script.at(stage)
    assert rig.heard(script.may_upgrade()) == ([], Status.FAILURE)
    assert rig.stage is stage


def test_the_image_is_applied_once_after_a_delay() -> None:
    rig = script.at(Stage.APPLYING)
    assert rig.left_us == rig.profile.apply_delay_ms * MILLISECOND
    assert rig.hear(script.may_upgrade(0, 3600)) == []
    assert rig.stage is Stage.APPLYING
    report, reboot = rig.wait()
    assert report == Report(what=Happening.ACTIVATING, details=(("version", script.OFFERED),))
    assert reboot == Reboot()
    assert rig.store.done.count("stage") == 1
    assert (rig.stage, rig.client.deadline) == (Stage.OFF, None)


@pytest.mark.parametrize("stage", [Stage.ENDING, Stage.WAITING])
@pytest.mark.parametrize("status", [Status.ABORT, Status.FAILURE, 0x42])
def test_a_refused_upgrade_is_not_applied(stage: Stage, status: int) -> None:
    rig = script.at(stage)
    assert rig.hear(script.default(ota.UpgradeEndRequest, Status.SUCCESS)) == []
    assert rig.stage is stage
    actions = rig.hear(script.default(ota.UpgradeEndRequest, status))
    assert whats(actions) == [Happening.DOWNLOAD_STOPPED]
    assert rig.store.done[-1] == "discard"
    assert (rig.stage, rig.left_us) == (Stage.READY, rig.profile.query_period_s * SECOND)


def test_only_the_event_activates_where_the_policy_says_so() -> None:
    rig = script.at(Stage.ENDING, activation_policy=1)
    assert rig.heard(script.may_upgrade(0, 0)) == ([], Status.NOT_AUTHORIZED)
    assert (rig.stage, rig.client.deadline) == (Stage.EXTERNAL, None)
    assert rig.heard(script.may_upgrade(0, ota.WAIT_FOR_ANOTHER)) == ([], Status.SUCCESS)
    assert rig.client.upgrade_status is ImageUpgradeStatus.WAITING_FOR_EXTERNAL_EVENT
    assert list(rig.client.activate(rig.now)) == []
    assert rig.stage is Stage.APPLYING
    assert rig.wait()[-1] == Reboot()


def test_the_event_activates_though_the_server_never_answered() -> None:
    rig = script.at(Stage.ENDING, activation_policy=1)
    rig.client.activate(rig.now)
    assert rig.stage is Stage.APPLYING


@pytest.mark.parametrize("policy", [0, 1])
def test_silence_activates_nothing_where_only_the_event_may(policy: int) -> None:
    rig = script.at(Stage.ENDING, activation_policy=1, timeout_policy=policy, end_tries=1)
    assert rig.wait() == []
    assert (rig.stage, rig.client.deadline) == (Stage.EXTERNAL, None)
    rig.client.activate(rig.now)
    assert rig.stage is Stage.APPLYING


@pytest.mark.parametrize("stage", [stage for stage in Stage if stage is not Stage.EXTERNAL])
def test_the_event_does_nothing_where_the_server_activates(stage: Stage) -> None:
    rig = script.at(stage)
    deadline = rig.client.deadline
    assert list(rig.client.activate(rig.now)) == []
    assert (rig.stage, rig.client.deadline) == (stage, deadline)


# Coming and going.


@pytest.mark.parametrize("stage", Stage)
def test_off_the_network_nothing_is_asked(stage: Stage) -> None:
    rig = script.at(stage)
    rig.client.stop()
    assert (rig.stage, rig.client.deadline) == (Stage.OFF, None)
    assert rig.hear(script.block(0)) == []


def test_a_download_goes_on_after_a_rejoin_without_a_query() -> None:
    rig = script.at(Stage.DOWNLOADING)
    rig.hear(script.block(0))
    rig.client.stop()
    actions = rig.start()
    assert whats(actions) == [Happening.DOWNLOAD_RESUMED, script.ask(40)]
    assert rig.store.done[-1] == "resume"


def test_a_verified_image_is_verified_again_after_a_rejoin() -> None:
    rig = script.at(Stage.COUNTING)
    rig.client.stop()
    actions = rig.start()
    assert whats(actions) == [
        Happening.DOWNLOAD_RESUMED,
        Happening.IMAGE_ACCEPTED,
        script.end(),
    ]
    assert rig.store.done[-2:] == ["resume", "check"]
