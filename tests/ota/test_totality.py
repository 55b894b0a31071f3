"""Each frame in each stage, and each deadline, is a decision; the check is shown to see a hole."""

from collections.abc import Iterable, Mapping
from itertools import product
from typing import Any

import pytest

from emulator.ota.stages import FRAMES, UPGRADE_STATUS, Stage
from emulator.ota.table import IGNORED, ON, ON_DEADLINE, TABLE
from emulator.wire import ota
from emulator.wire.codec import COMMANDS
from emulator.wire.zcl import DefaultResponse
from tests.ota import scripted as script

#: Stages in which nothing is waited for but the world.
TIMELESS = frozenset({Stage.OFF, Stage.EXTERNAL})


def holes(
    on: Mapping[Any, Any], ignored: Iterable[Any], on_deadline: Mapping[Any, Any]
) -> list[str]:
    """Return every pair that is not decided exactly once, and every deadline without a waker."""
    ignored = frozenset(ignored)
    pairs = set(product(Stage, FRAMES))
    undecided = [pair for pair in pairs if (pair in on) == (pair in ignored)]
    strange = [pair for pair in (*on, *ignored) if pair not in pairs]
    asleep = [stage for stage in Stage if (stage in on_deadline) == (stage in TIMELESS)]
    return [str(one) for one in (*undecided, *strange, *asleep)]


def test_every_pair_and_every_deadline_is_decided() -> None:
    assert holes(ON, IGNORED, ON_DEADLINE) == []
    assert TABLE.on == ON
    assert TABLE.on_deadline == ON_DEADLINE


PAIR = (Stage.DOWNLOADING, ota.ImageBlockResponse)


@pytest.mark.parametrize(
    "planted",
    [
        ({key: value for key, value in ON.items() if key != PAIR}, IGNORED, ON_DEADLINE),
        (ON, IGNORED - {(Stage.OFF, DefaultResponse)}, ON_DEADLINE),
        (ON, IGNORED | {PAIR}, ON_DEADLINE),
        ({**ON, (Stage.READY, ota.ImageBlockRequest): ON[PAIR]}, IGNORED, ON_DEADLINE),
        (
            ON,
            IGNORED,
            {key: value for key, value in ON_DEADLINE.items() if key is not Stage.PAUSED},
        ),
        (ON, IGNORED, {**ON_DEADLINE, Stage.OFF: ON_DEADLINE[Stage.READY]}),
    ],
    ids=["no handler", "not ignored", "both", "no such frame", "no waker", "needless waker"],
)
def test_a_planted_hole_is_seen(planted: tuple[Any, Any, Any]) -> None:
    assert len(holes(*planted)) == 1


def test_every_command_of_the_server_is_a_frame_of_the_client() -> None:
    """A new command of the cluster must be decided too."""
    from_server = {
        kind for key, kind in COMMANDS.items() if key.cluster == ota.CLUSTER and not key.to_server
    }
    assert from_server <= set(FRAMES)
    assert len(FRAMES) == len(set(FRAMES))


@pytest.mark.parametrize("stage", Stage)
def test_every_stage_is_reached_and_has_a_deadline_if_it_has_a_waker(stage: Stage) -> None:
    rig = script.at(stage)
    assert (rig.client.deadline is None) == (stage in TIMELESS)
    assert rig.client.upgrade_status is UPGRADE_STATUS[stage]


@pytest.mark.parametrize("stage", [stage for stage in Stage if stage not in TIMELESS])
def test_every_waker_gets_somewhere(stage: Stage) -> None:
    """A deadline that was reached is over: the client acts, moves on, or asks for a later one."""
    rig = script.at(stage)
    actions = rig.wait()
    moved = rig.stage is not stage
    assert actions or moved
    assert rig.client.deadline is None or moved or rig.client.deadline > rig.now


@pytest.mark.parametrize("stage", [stage for stage in Stage if stage not in TIMELESS])
def test_a_wake_before_the_deadline_does_nothing(stage: Stage) -> None:
    rig = script.at(stage, apply_delay_ms=10, first_query_delay_s=10)
    deadline = rig.client.deadline
    assert deadline is not None
    rig.now = deadline - 1
    assert not rig.client.wake(rig.now)
    assert (rig.stage, rig.client.deadline) == (stage, deadline)


@pytest.mark.parametrize(
    ("stage", "frame"), [pair for pair in product(Stage, FRAMES) if pair in IGNORED]
)
def test_what_is_ignored_leaves_no_trace(stage: Stage, frame: type) -> None:
    rig = script.at(stage)
    before = (rig.stage, rig.client.deadline, rig.client.server, rig.store.octets)
    actions, answer = rig.heard(_SAMPLES[frame])
    assert actions == []
    assert answer == 0
    assert (rig.stage, rig.client.deadline, rig.client.server, rig.store.octets) == before


_SAMPLES = {
    ota.ImageNotify: script.notify(),
    ota.QueryNextImageResponse: script.offered(),
    ota.ImageBlockResponse: script.block(0),
    ota.UpgradeEndResponse: script.may_upgrade(),
    ota.QueryDeviceSpecificFileResponse: ota.QueryDeviceSpecificFileResponse(
        status=ota.Status.NO_IMAGE_AVAILABLE
    ),
    DefaultResponse: script.default(ota.ImageBlockRequest, ota.Status.ABORT),
    type(script.matched()): script.matched(),
    type(script.resolved()): script.resolved(),
}


def test_every_frame_has_a_sample() -> None:
    assert set(_SAMPLES) == set(FRAMES)
