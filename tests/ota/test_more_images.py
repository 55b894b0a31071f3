"""An upgrade of several images: each but the last is good and not enough.

Source: ZCL rev 8, 11.13.9 (REQUIRE_MORE_IMAGE); OTA-C-106.
"""

from typing import Any

import pytest

from emulator.actions import Happening, Reboot, Report
from emulator.ota.ports import Refused
from emulator.ota.stages import Stage
from emulator.profiles.switches import Consent
from emulator.units import SECOND
from emulator.wire import ota
from emulator.wire.ota import ImageUpgradeStatus, Status
from tests.ota import scripted as script
from tests.ota.scripted import BLOCK, MORE_TYPE, OFFER, SIZE, Rig, whats

MORE = {"image_type": MORE_TYPE}


def fetch_more(rig: Rig, **ids: int) -> list[Any]:
    """Download the other image to its end and return what follows its last block."""
    rig.hear(script.offered(**MORE, **ids))
    last: list[Any] = []
    for offset in range(0, SIZE, BLOCK):
        last = rig.hear(script.block(offset, **MORE, **ids))
    return last


def test_a_good_image_that_is_not_all_asks_for_the_next() -> None:
    rig = script.at(Stage.DOWNLOADING, more_image_types=(MORE_TYPE,))
    rig.hear(script.block(0))
    rig.hear(script.block(40))
    last = rig.hear(script.block(80))
    assert whats(last) == [Happening.IMAGE_ACCEPTED, script.end(Status.REQUIRE_MORE_IMAGE)]
    assert rig.client.upgrade_status is ImageUpgradeStatus.WAIT_FOR_MORE
    assert rig.client.offer == OFFER
    assert rig.wait() == [script.query(MORE_TYPE)]
    assert rig.client.upgrade_status is ImageUpgradeStatus.WAIT_FOR_MORE


def test_the_last_image_ends_it_and_the_first_is_applied() -> None:
    rig = script.at(Stage.QUERYING_MORE)
    last = fetch_more(rig, file_version=7)
    assert whats(last) == [Happening.IMAGE_ACCEPTED, script.end(**MORE, file_version=7)]
    assert rig.stage is Stage.ENDING
    rig.hear(script.may_upgrade(**MORE, file_version=7))
    report, reboot = rig.wait()
    assert report == Report(what=Happening.ACTIVATING, details=(("version", script.OFFERED),))
    assert reboot == Reboot()
    assert rig.store.done[-1] == "stage"


def test_the_group_may_be_released_by_the_name_of_the_first() -> None:
    rig = script.at(Stage.QUERYING_MORE)
    fetch_more(rig)
    rig.hear(script.may_upgrade())
    assert rig.stage is Stage.APPLYING


def test_no_image_yet_is_asked_about_in_a_period_and_on_a_notify() -> None:
    rig = script.at(Stage.MORE)
    assert rig.left_us == rig.profile.query_period_s * SECOND
    assert rig.client.upgrade_status is ImageUpgradeStatus.WAIT_FOR_MORE
    assert rig.hear(script.notify()) == [script.query(MORE_TYPE)]
    assert rig.hear(script.refused_query()) == []
    assert rig.wait() == [script.query(MORE_TYPE)]


def test_the_first_image_is_not_taken_for_the_next() -> None:
    rig = script.at(Stage.QUERYING_MORE)
    assert rig.heard(script.offered()) == ([], Status.INVALID_FIELD)
    assert rig.stage is Stage.MORE


@pytest.mark.parametrize("version", [script.RUNNING, script.RUNNING - 1])
def test_the_next_image_may_have_any_version(version: int) -> None:
    rig = script.at(Stage.QUERYING_MORE, downgrade=Consent.REFUSE)
    assert whats(fetch_more(rig, file_version=version))[-1] == script.end(
        **MORE, file_version=version
    )


def test_nothing_is_applied_while_one_is_missing() -> None:
    for stage in (Stage.MORE, Stage.QUERYING_MORE):
        rig = script.at(stage)
        assert rig.heard(script.may_upgrade()) == ([], Status.FAILURE)
        assert rig.stage is stage
    rig = script.at(Stage.QUERYING_MORE)
    rig.hear(script.offered(**MORE))
    assert rig.heard(script.may_upgrade()) == ([], Status.FAILURE)
    assert "stage" not in rig.store.done


def test_a_bad_next_image_is_told_and_the_first_is_kept() -> None:
    rig = script.at(Stage.QUERYING_MORE)
    rig.store.refusal = Refused(status=Status.INVALID_IMAGE, reason="digest")
    assert whats(fetch_more(rig)) == [
        Happening.IMAGE_REFUSED,
        script.end(Status.INVALID_IMAGE, **MORE),
    ]
    assert (rig.stage, rig.client.offer) == (Stage.MORE, OFFER)
    rig.store.refusal = None
    rig.wait()
    assert whats(fetch_more(rig)) == [Happening.IMAGE_ACCEPTED, script.end(**MORE)]


def test_a_stop_amid_the_next_image_leaves_it_to_the_next_query() -> None:
    rig = script.at(Stage.QUERYING_MORE)
    rig.hear(script.offered(**MORE))
    rig.hear(script.block(0, **MORE))
    assert whats(rig.hear(ota.ImageBlockResponse(status=Status.ABORT))) == [
        Happening.DOWNLOAD_STOPPED
    ]
    assert rig.stage is Stage.MORE
    rig.wait()
    assert whats(rig.hear(script.offered(**MORE)))[0] is Happening.DOWNLOAD_RESUMED


def test_three_images() -> None:
    rig = script.at(Stage.DOWNLOADING, more_image_types=(MORE_TYPE, 0x0202))
    for offset in range(0, SIZE, BLOCK):
        rig.hear(script.block(offset))
    assert rig.wait() == [script.query(MORE_TYPE)]
    assert whats(fetch_more(rig))[-1] == script.end(Status.REQUIRE_MORE_IMAGE, **MORE)
    assert rig.client.offer == OFFER
    assert rig.wait() == [script.query(0x0202)]


def test_a_refused_upgrade_begins_with_the_first_image_again() -> None:
    rig = script.at(Stage.QUERYING_MORE)
    fetch_more(rig)
    rig.hear(script.default(ota.UpgradeEndRequest, Status.ABORT))
    assert (rig.stage, rig.client.offer) == (Stage.READY, None)
    assert rig.wait() == [script.query()]


def test_after_a_reset_the_first_is_verified_again_and_the_others_are_fetched_again() -> None:
    rig = script.at(Stage.QUERYING_MORE)
    rig.hear(script.offered(**MORE))
    rig.hear(script.block(0, **MORE))
    rig.client.stop()
    assert whats(rig.start()) == [
        Happening.DOWNLOAD_RESUMED,
        Happening.IMAGE_ACCEPTED,
        script.end(Status.REQUIRE_MORE_IMAGE),
    ]
    assert rig.wait() == [script.query(MORE_TYPE)]
    assert whats(rig.hear(script.offered(**MORE)))[0] is Happening.DOWNLOAD_STARTED


def test_a_lost_server_is_sought_and_the_upgrade_goes_on() -> None:
    rig = script.at(Stage.QUERYING_MORE, errors_before_discovery=1)
    rig.wait()
    assert rig.stage is Stage.UNSERVED
    rig.wait()
    rig.hear(script.matched())
    assert whats(rig.hear(script.resolved()))[-1] == script.end(Status.REQUIRE_MORE_IMAGE)


def test_a_broadcast_may_name_either_image() -> None:
    rig = script.at(Stage.MORE)
    named = {"payload_type": 2, "manufacturer": script.MANUFACTURER}
    assert rig.client.invited(script.notify(**named, image_type=MORE_TYPE))
    assert rig.client.invited(script.notify(**named, image_type=script.IMAGE_TYPE))
    assert not rig.client.invited(script.notify(**named, image_type=0x0303))


def test_waiting_for_the_next_image_is_no_leave_to_reinstall() -> None:
    rig = script.at(Stage.MORE, reinstall=Consent.ACCEPT)
    rig.client.stop()
    rig.store.parts[0] = (None, b"")  # what was stored is lost
    rig.start()
    rig.wait()
    assert rig.stage is Stage.QUERYING
    rig.hear(script.offered(file_version=script.RUNNING))
    assert rig.stage is Stage.READY  # nobody asked for it by name
