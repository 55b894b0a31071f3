"""The Communications Hub: what its user tells it, and what it makes of odd devices."""

import base64
from dataclasses import replace

import pytest

from emulator.actions import Send
from emulator.units import DAY, MINUTE, SECOND, Us
from emulator.wire import ota, subghz, zcl
from emulator.wire.aps import ZDO_PROFILE, Datagram
from emulator.wire.codec import KEYS, Frame
from emulator.wire.ota import BlockControl, QueryControl, Status
from harness.hub.airtime import Airtime, Thresholds
from harness.hub.communications import CommunicationsHub
from harness.hub.intake import FirmwareRequest
from harness.hub.products import ProductList, product_of
from harness.hub.settings import Pages, Paging
from harness.hub.transfers import Ending
from tests.harness.test_hub import ENDPOINT, IMAGE_TYPE, MANUFACTURER, PROFILE, image

EUI64 = 0xAA
QUERY = ota.QueryNextImageRequest(
    control=QueryControl(0), manufacturer=MANUFACTURER, image_type=IMAGE_TYPE, file_version=1
)


def block(version: int, offset: int) -> ota.ImageBlockRequest:
    return ota.ImageBlockRequest(
        control=BlockControl(0),
        manufacturer=MANUFACTURER,
        image_type=IMAGE_TYPE,
        file_version=version,
        file_offset=offset,
        maximum_data_size=40,
    )


def end(version: int, status: Status = Status.SUCCESS) -> ota.UpgradeEndRequest:
    return ota.UpgradeEndRequest(
        status=status, manufacturer=MANUFACTURER, image_type=IMAGE_TYPE, file_version=version
    )


class Home:
    """Be one hub and one device that has joined."""

    def __init__(self, *versions: int) -> None:
        self.hub = CommunicationsHub()
        joined = self.hub.admit(EUI64, rejoin=False)
        assert joined is not None
        self.address = joined.address
        self.hub.serve(*(image(one) for one in versions))

    def say(self, frame: Frame, now: Us) -> list[Datagram]:
        key = KEYS[type(frame)]
        payload = zcl.pack_header(0x01, 0x42, key.command) + frame.encode()
        return self.put(payload, now, cluster=key.cluster)

    def put(
        self, payload: bytes, now: Us, *, cluster: int, profile: int = PROFILE
    ) -> list[Datagram]:
        sent = self.hub.receive(
            Datagram(
                source=self.address,
                destination=0,
                source_endpoint=ENDPOINT,
                destination_endpoint=1,
                profile=profile,
                cluster=cluster,
                payload=payload,
            ),
            now,
        )
        return [one.datagram for one in sent if isinstance(one, Send)]

    @property
    def endings(self) -> list[Ending]:
        return [one.ending for one in self.hub.transfers.reports]


# Transfers.


def test_offer_that_is_not_taken_up_is_no_transfer() -> None:
    home = Home(2)
    home.say(QUERY, 0)
    assert home.hub.deadline is None
    home.hub.wake(2 * DAY)
    assert home.endings == []
    home.say(QUERY, 3 * DAY)
    home.say(block(2, 0), 3 * DAY)
    assert home.hub.deadline == 4 * DAY
    home.hub.wake(4 * DAY)
    assert home.endings == [Ending.GIVEN_UP]
    assert home.hub.transfers.reports[0].attempts == 1


def test_pages_count_as_progress() -> None:
    home = Home(2)
    home.hub.settings.pages = Pages(paging=Paging.SERVED)
    home.say(QUERY, 0)
    page = ota.ImagePageRequest(
        control=BlockControl(0),
        manufacturer=MANUFACTURER,
        image_type=IMAGE_TYPE,
        file_version=2,
        file_offset=64,
        maximum_data_size=32,
        page_size=64,
        response_spacing_ms=50,
    )
    home.say(page, SECOND)
    home.say(end(2, Status.ABORT), MINUTE)
    assert [(one.ending, one.offset) for one in home.hub.transfers.reports] == [
        (Ending.REFUSED, 64)
    ]


def test_another_version_ends_what_was_under_way() -> None:
    home = Home(2)
    home.say(QUERY, 0)
    home.say(block(2, 0), 1)
    home.hub.serve(*home.hub.images, image(3))
    home.say(QUERY, 2)
    assert [(one.ending, one.new_version) for one in home.hub.transfers.reports] == [
        (Ending.GIVEN_UP, 2)
    ]


def test_restart_without_memory_forgets_what_was_under_way() -> None:
    home = Home(2)
    home.say(QUERY, 0)
    home.say(block(2, 0), 1)
    home.hub.restart()
    assert home.hub.deadline == DAY + 1
    home.hub.restart(memory=False)
    assert home.hub.deadline is None
    home.say(end(2), 2)
    assert home.endings == []


@pytest.mark.parametrize("waits", [True, False])
def test_old_version_before_the_time_to_activate_is_no_way_back(waits: bool) -> None:
    home = Home(2)
    home.hub.settings.end_times_s = (0, ota.WAIT_FOR_ANOTHER if waits else 600)
    home.say(QUERY, 0)
    home.say(block(2, 0), 1)
    home.say(end(2), SECOND)
    home.say(QUERY, 5 * MINUTE)
    assert home.endings == [Ending.DELIVERED]
    home.say(replace(QUERY, file_version=2), 30 * MINUTE)
    assert home.endings == [Ending.DELIVERED, Ending.INSTALLED]


def test_each_beginning_is_an_attempt() -> None:
    home = Home(2)
    home.say(QUERY, 0)
    home.say(block(2, 0), 1)
    home.say(block(2, 40), 2)
    home.say(QUERY, 3)
    home.say(QUERY, 4)
    home.say(block(2, 40), 5)
    home.say(end(2, Status.INVALID_IMAGE), 6)
    home.say(block(2, 0), 7)
    home.say(end(2), 8)
    reports = home.hub.transfers.reports
    assert [(one.ending, one.attempts) for one in reports] == [
        (Ending.REFUSED, 2),
        (Ending.DELIVERED, 3),
    ]


def test_verdict_is_reported_once_however_often_it_is_said() -> None:
    home = Home(2)
    home.say(QUERY, 0)
    home.say(block(2, 0), 1)
    home.say(end(2, Status.INVALID_IMAGE), 2)
    home.say(end(2, Status.INVALID_IMAGE), 3)
    home.hub.serve(*home.hub.images, image(3))
    home.say(QUERY, 4)
    assert home.endings == [Ending.REFUSED]


def test_device_that_wants_more_images_has_this_one() -> None:
    home = Home(2)
    home.say(QUERY, 0)
    home.say(block(2, 0), 1)
    home.say(end(2, Status.REQUIRE_MORE_IMAGE), 2)
    assert home.endings == [Ending.DELIVERED]


def test_what_is_said_of_another_version_changes_nothing() -> None:
    home = Home(2, 3)
    home.say(QUERY, 0)
    home.say(block(3, 40), 1)
    home.say(block(2, 120), 2)
    home.say(end(2), 3)
    assert home.endings == []
    home.say(end(3, Status.ABORT), 4)
    assert [(one.ending, one.offset) for one in home.hub.transfers.reports] == [
        (Ending.REFUSED, 40)
    ]


def test_third_version_is_neither_installed_nor_gone_back() -> None:
    home = Home(3)
    home.say(QUERY, 0)
    home.say(block(3, 0), 1)
    home.say(end(3), 2)
    home.say(replace(QUERY, file_version=2), MINUTE)
    assert home.endings == [Ending.DELIVERED]


@pytest.mark.parametrize(
    ("times_s", "endings"),
    [
        ((600, 660), [Ending.DELIVERED, Ending.WENT_BACK]),
        ((600, 0), [Ending.DELIVERED, Ending.WENT_BACK]),
        ((0, 660), [Ending.DELIVERED]),
        (None, [Ending.DELIVERED]),
    ],
)
def test_way_back_counts_from_the_time_to_activate(
    times_s: tuple[int, int] | None, endings: list[Ending]
) -> None:
    home = Home(2)
    home.hub.settings.end_times_s = times_s
    home.say(QUERY, 0)
    home.say(block(2, 0), 1)
    home.say(end(2), SECOND)
    home.say(QUERY, 5 * MINUTE)
    assert home.endings == endings


def test_removal_ends_no_transfer_of_others() -> None:
    home, other = Home(2), EUI64 + 1
    second = home.hub.admit(other, rejoin=False)
    assert second is not None
    home.say(QUERY, 0)
    home.say(block(2, 0), 1)
    home.hub.strike(other, 2)
    assert home.endings == []
    home.hub.strike(EUI64, 3)
    assert home.endings == [Ending.REMOVED]
    assert home.hub.transfers.reports[0].ended == 3


def test_discarded_is_the_image_and_not_its_version() -> None:
    home = Home(2)
    home.say(QUERY, 0)
    home.say(block(2, 0), 1)
    home.hub.serve(replace(image(2), image_type=IMAGE_TYPE + 1))
    assert home.endings == [Ending.DISCARDED]


def test_crashed_hub_waits_for_nobody() -> None:
    home = Home(2)
    home.say(QUERY, 0)
    home.say(block(2, 0), 1)
    home.hub.crash()
    assert home.hub.deadline is None
    home.hub.restart()
    assert home.hub.deadline == DAY + 1


# Admission.


def test_removed_device_leaves_its_address_to_nobody() -> None:
    home = Home()
    home.hub.enlist(EUI64 + 1, 0)
    home.hub.enlist(EUI64 + 2, 0)
    second = home.hub.admit(EUI64 + 1, rejoin=False)
    home.hub.strike(EUI64, 1)
    third = home.hub.admit(EUI64 + 2, rejoin=False)
    assert second is not None
    assert third is not None
    assert len({home.address, second.address, third.address}) == 3
    assert home.hub.admit(EUI64, rejoin=True) is None


def test_rejoin_of_one_that_never_joined_does_not_pass_its_window() -> None:
    home = Home()
    home.hub.enlist(EUI64 + 1, 0, window_us=SECOND)
    assert home.hub.deadline == SECOND
    home.hub.wake(SECOND)
    assert home.hub.deadline is None
    assert home.hub.admit(EUI64 + 1, rejoin=True) is None
    assert home.hub.admit(EUI64, rejoin=True) is not None


def test_removed_device_is_a_newcomer_when_it_is_entered_anew() -> None:
    home = Home()
    home.hub.strike(EUI64, 0)
    home.hub.enlist(EUI64, 0, window_us=SECOND)
    home.hub.wake(SECOND)
    assert home.hub.admit(EUI64, rejoin=True) is None


def test_member_from_before_the_log_needs_no_window() -> None:
    home = Home()
    home.hub.enlist(EUI64, 0, window_us=SECOND)
    home.hub.wake(SECOND)
    assert home.hub.admit(EUI64, rejoin=True) is not None
    assert home.hub.admit(EUI64, rejoin=False) is None


# Intake.


def request(octets: bytes, version: int) -> FirmwareRequest:
    return FirmwareRequest(image=octets, version=version, devices=(EUI64,))


@pytest.mark.parametrize(
    ("octets", "version", "reason"),
    [
        (b"no base64!", 2, "image: found no base64"),
        (base64.b64encode(b"no file"), 2, "image: found no OTA file"),
        (
            base64.b64encode(image(3).octets),
            2,
            "version: found 0x00000003 in the file, wanted 0x00000002 as requested",
        ),
    ],
)
def test_request_that_makes_no_sense_is_refused(octets: bytes, version: int, reason: str) -> None:
    home = Home()
    assert home.hub.take(request(octets, version)).startswith(reason)
    assert home.hub.images == []


def test_good_request_is_served_beside_the_others() -> None:
    home = Home(2)
    home.hub.products = ProductList([product_of(image(2)), product_of(image(3))])
    assert home.hub.take(request(base64.b64encode(image(3).octets), 3)) == ""
    assert [one.file_version for one in home.hub.images] == [2, 3]
    assert home.hub.take(request(base64.b64encode(image(3).octets), 3)) == ""
    assert [one.file_version for one in home.hub.images] == [2, 3]


# Airtime.


def test_hub_without_room_says_nothing_at_all() -> None:
    home = Home(2)
    home.hub.airtime = Airtime(Thresholds(limited_us=1, critical_us=2, suspended_us=12_000))
    assert len(home.say(QUERY, 0)) == 1
    assert home.say(QUERY, 1) == []
    assert (
        home.hub.tell(
            ota.UpgradeEndResponse(
                manufacturer=MANUFACTURER,
                image_type=IMAGE_TYPE,
                file_version=2,
                current_time_s=0,
                upgrade_time_s=0,
            ),
            home.address,
        )
        == []
    )


def test_question_about_a_suspension_is_answered_with_what_is_left() -> None:
    home = Home(2)
    question = subghz.GetSuspendZclMessagesStatus()
    assert home.say(question, 0) == []  # a band without duty cycle has no such cluster
    home.hub.airtime = Airtime(Thresholds(limited_us=100_000))
    (answer,) = home.say(question, 0)
    assert (answer.cluster, answer.payload[2:]) == (subghz.CLUSTER, b"\x00\x00")


def test_critical_hub_streams_no_page() -> None:
    home = Home(2)
    home.hub.settings.pages = Pages(paging=Paging.SERVED)
    home.say(QUERY, 0)
    home.hub.airtime = Airtime(Thresholds(limited_us=1, critical_us=2))
    home.say(block(2, 0), 1)
    page = ota.ImagePageRequest(
        control=BlockControl(0),
        manufacturer=MANUFACTURER,
        image_type=IMAGE_TYPE,
        file_version=2,
        file_offset=0,
        maximum_data_size=32,
        page_size=64,
        response_spacing_ms=50,
    )
    answer = home.say(page, 2)[0]
    assert answer.payload[2:4] == bytes([0x05, Status.WAIT_FOR_DATA])


@pytest.mark.parametrize(
    ("profile", "cluster", "payload", "told"),
    [
        (PROFILE, 0x000A, b"\x00\x01\x00\x00\x00", 1),
        (PROFILE, 0x000A, b"\x00\x01", 0),
        (PROFILE, 0x000A, b"\x00\x01\x0b\x00\x00", 0),
        (PROFILE, ota.CLUSTER, b"\x00\x01\x00\x00\x00", 0),
        (ZDO_PROFILE, 0x0013, b"\x01\x02\x03", 0),
    ],
    ids=["zcl", "half a header", "default response", "ota", "zdo"],
)
def test_what_makes_a_hub_repeat_its_suspension(
    profile: int, cluster: int, payload: bytes, told: int
) -> None:
    home = Home(2)
    home.hub.airtime = Airtime(Thresholds(limited_us=1))
    home.say(QUERY, 0)
    sent = home.put(payload, SECOND, cluster=cluster, profile=profile)
    assert [one.cluster for one in sent] == [subghz.CLUSTER] * told
