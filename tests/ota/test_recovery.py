"""Show how the client finds its way back: a resumed download that ends, a trial that must ask."""

import pytest

from emulator.actions import Happening
from emulator.ota.stages import Stage
from emulator.units import SECOND
from emulator.wire import ota
from emulator.wire.codec import Frame
from emulator.wire.ota import Status
from tests.ota import scripted as script
from tests.ota.scripted import whats

STOPS = [
    ota.ImageBlockResponse(status=Status.ABORT),
    script.default(ota.ImageBlockRequest, Status.NO_IMAGE_AVAILABLE),
]


@pytest.mark.parametrize("stop", STOPS, ids=lambda one: type(one).__name__)
def test_a_resumed_download_that_is_served_no_more_gives_way_to_a_query_once(stop: Frame) -> None:
    rig = script.at(Stage.DOWNLOADING)
    rig.hear(script.block(0))
    rig.client.stop()
    rig.start()
    assert whats(rig.hear(stop)) == [Happening.DOWNLOAD_STOPPED]
    assert (rig.stage, rig.left_us) == (Stage.READY, 0)
    assert rig.wait() == [script.query()]
    rig.hear(script.offered())
    rig.hear(stop)
    assert rig.left_us == rig.profile.query_period_s * SECOND


def test_a_resumed_download_whose_server_is_silent_gives_way_to_a_query() -> None:
    rig = script.at(Stage.DOWNLOADING, block_tries=1)
    rig.hear(script.block(0))
    rig.client.stop()
    rig.start()
    rig.wait()
    assert whats(rig.wait()) == [script.end(Status.ABORT), Happening.DOWNLOAD_STOPPED]
    assert rig.wait() == [script.query()]


def test_a_resumed_download_that_came_whole_waits_a_period_when_it_is_refused() -> None:
    rig = script.at(Stage.DOWNLOADING)
    rig.hear(script.block(0))
    rig.client.stop()
    rig.start()
    rig.hear(script.block(40))
    rig.hear(script.block(80))
    rig.hear(script.default(ota.UpgradeEndRequest, Status.ABORT))
    assert rig.left_us == rig.profile.query_period_s * SECOND


def test_a_trial_seeks_its_server_after_any_query_that_failed_and_not_once_it_is_over() -> None:
    rig = script.at(Stage.READY)
    rig.client.stop()
    rig.start(hurry=True)
    rig.wait()
    refusal = script.default(ota.QueryNextImageRequest, Status.FAILURE)
    rig.hear(refusal)
    assert (rig.stage, rig.left_us) == (Stage.UNSERVED, rig.profile.trial_retry_s * SECOND)
    rig.wait()
    rig.hear(script.matched())
    rig.hear(script.resolved())
    rig.wait()
    rig.hear(script.refused_query())
    rig.wait()
    rig.hear(refusal)
    assert (rig.stage, rig.left_us) == (Stage.READY, rig.profile.query_period_s * SECOND)


def test_a_server_that_is_found_anew_has_its_errors_forgiven() -> None:
    rig = script.at(Stage.QUERYING, errors_before_discovery=2)
    refusal = script.default(ota.QueryNextImageRequest, Status.FAILURE)
    rig.hear(refusal)
    rig.wait()
    rig.hear(refusal)
    assert rig.stage is Stage.UNSERVED
    rig.wait()
    rig.hear(script.matched())
    rig.hear(script.resolved())
    rig.wait()
    rig.hear(refusal)
    assert rig.stage is Stage.READY
