"""Default Responses of every status to every request, in every stage.

Source: ota-cluster fact sheet, section 3 and 4.4; OTA-C-058, OTA-C-104.
"""

from itertools import product

import pytest

from emulator.ota.stages import Stage
from emulator.wire import ota
from emulator.wire.codec import Frame
from emulator.wire.ota import Status
from tests.ota import scripted as script

REQUESTS: tuple[type[Frame], ...] = (
    ota.QueryNextImageRequest,
    ota.ImageBlockRequest,
    ota.ImagePageRequest,
    ota.UpgradeEndRequest,
    ota.QueryDeviceSpecificFileRequest,
)
#: Each stage in which a request is out, with the statuses that end what it began.
STOPS = {Status.ABORT, Status.NO_IMAGE_AVAILABLE}
ERRORS = {status for status in (*Status, 0x42) if status != Status.SUCCESS}
ENDS: dict[tuple[Stage, type[Frame]], set[int]] = {
    (Stage.QUERYING, ota.QueryNextImageRequest): ERRORS - {Status.MALFORMED_COMMAND},
    (Stage.QUERYING_MORE, ota.QueryNextImageRequest): ERRORS - {Status.MALFORMED_COMMAND},
    (Stage.DOWNLOADING, ota.ImageBlockRequest): STOPS | {Status.UNSUP_COMMAND},
    (Stage.PAGING, ota.ImagePageRequest): ERRORS,
    (Stage.ENDING, ota.UpgradeEndRequest): ERRORS,
    (Stage.WAITING, ota.UpgradeEndRequest): ERRORS,
}


@pytest.mark.parametrize(("stage", "request_"), list(product(Stage, REQUESTS)))
def test_every_status_to_every_request_in_every_stage(stage: Stage, request_: type[Frame]) -> None:
    ends = ENDS.get((stage, request_), set())
    for status in (*Status, 0x42):
        rig = script.at(stage)
        before = (rig.client.deadline, rig.store.octets, rig.client.offer)
        actions, answer = rig.heard(script.default(request_, status))
        assert answer is Status.SUCCESS  # ZCL 2.5.12: a Default Response is never answered
        if status in ends:
            assert rig.stage is not stage
        else:
            assert (actions, rig.stage) == ([], stage)
            assert (rig.client.deadline, rig.store.octets, rig.client.offer) == before
        assert "stage" not in rig.store.done


#: Every status in each response that has one, and what must not come of it.
@pytest.mark.parametrize("stage", [stage for stage in Stage if stage is not Stage.OFF])
@pytest.mark.parametrize("status", [*(one for one in Status if one != Status.SUCCESS), 0x42])
def test_a_status_alone_never_stores_nor_applies(stage: Stage, status: int) -> None:
    for response in (
        ota.QueryNextImageResponse(status=status),
        ota.QueryDeviceSpecificFileResponse(status=status),
        *(
            (ota.ImageBlockResponse(status=status),)
            if status != Status.WAIT_FOR_DATA
            else (script.hold(0, 1), script.hold(2, 1), script.hold(1, 2, 3))
        ),
    ):
        rig = script.at(stage)
        octets = rig.store.octets
        rig.hear(response)
        assert rig.store.octets == octets
        assert rig.stage not in {Stage.APPLYING, Stage.COUNTING} - {stage}
        assert "stage" not in rig.store.done


@pytest.mark.parametrize("stage", [stage for stage in Stage if stage is not Stage.OFF])
def test_a_file_for_this_device_alone_is_not_asked_for(stage: Stage) -> None:
    rig = script.at(stage)
    response = ota.QueryDeviceSpecificFileResponse(
        status=Status.SUCCESS,
        manufacturer=script.MANUFACTURER,
        image_type=0xFFC0,
        file_version=1,
        image_size=10,
    )
    deadline = rig.client.deadline
    assert rig.heard(response) == ([], Status.FAILURE)
    assert (rig.stage, rig.client.deadline) == (stage, deadline)
