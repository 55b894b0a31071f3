"""The probe sees and copies all of a bridge that outlives its RAM, and nothing else."""

import pytest

from emulator.actions import Happening, Report
from emulator.device.probe import Probe
from emulator.faults import CutKind, CutPower
from emulator.flash.nor import OperationKind
from emulator.profiles.load import load
from emulator.units import HOUR, SECOND
from emulator.wire import ota
from harness.bench import Bench
from harness.firmware import FIRST_VERSION, NEXT_VERSION
from harness.lanes.direct import DirectLane


def probed() -> tuple[Bench, Probe]:
    made = Bench(load("B1"))
    assert isinstance(made.lane, DirectLane)
    probe = Probe(made.lane.bridge)
    probe.record(True)
    return made, probe


def test_the_log_has_every_operation_with_its_phase() -> None:
    made, probe = probed()
    assert list(probe.operations) == []
    made.lane.bridge.factory(made.identity, made.image(1), 1, seed=0)  # type: ignore[attr-defined]
    made.start()
    made.upgrade(made.image(size=1000))
    operations = probe.operations
    assert [one.number for one in operations] == list(range(len(operations)))
    assert {one.kind for one in operations} == set(OperationKind)
    assert {one.phase for one in operations} == {"boot", "run"}
    slot_b = made.profile.flash.slot_b
    stored = b"".join(
        one.data or b""
        for one in operations
        if one.kind is OperationKind.PROGRAM and slot_b[0] <= one.address < slot_b[1]
    )
    image = made.image(size=1000)
    assert stored[: len(image)] == image


@pytest.mark.parametrize("kind", [CutKind.BEFORE, CutKind.AFTER, CutKind.TORN])
def test_a_cut_hits_the_operation_it_names_and_the_bridge_is_off(kind: CutKind) -> None:
    made, probe = probed()
    made.start()
    number = len(probe.operations) + 3
    probe.cut(CutPower(operation=number, kind=kind, octets=7))
    made.start_download(made.image(size=1000), blocks=20)
    made.wait(SECOND)
    assert not made.lane.powered
    assert len(probe.operations) == number + 1
    assert probe.operations[-1].cut is kind


def test_a_copy_lives_on_as_the_original_would() -> None:
    """Copies of a download cut short, in bridges that were never on: same flash, same frames."""
    made, probe = probed()
    made.start()
    made.start_download(made.image(size=1000), blocks=20)
    made.cut_power()
    state, mark = probe.snapshot(), probe.fingerprint()
    lives = []
    for _ in range(2):
        twin, twins = probed()
        assert twins.fingerprint() != mark
        twins.restore(state)
        assert twins.fingerprint() == mark
        twin.hub.serve(*made.hub.images)
        twin.lane.power(True)
        twin.run(lambda twin=twin: Happening.CONFIRMED in reports(twin), HOUR)
        assert twins.fingerprint() != mark
        lives.append(twin.heard(ota.ImageBlockRequest))
    assert len(lives[0]) > 10
    assert lives[0][0].file_offset > 0  # it went on, it did not begin
    assert lives[0] == lives[1]
    assert probe.fingerprint() == mark  # the original knows nothing of it


def reports(made: Bench) -> list[Happening]:
    return [row[3].what for row in made.trace.rows if isinstance(row[3], Report)]


def test_a_copy_of_chance_draws_the_same_delay_again() -> None:
    made, probe = probed()
    made.start()
    made.cut_power()
    state = probe.snapshot()

    def delay(one: Bench) -> int:
        start, queries = one.now, one.count(ota.QueryNextImageRequest)
        one.lane.power(True)
        one.run(lambda: one.count(ota.QueryNextImageRequest) > queries, HOUR)
        one.cut_power()
        return one.now - start

    first, second = delay(made), delay(made)
    assert first != second
    twin, twins = probed()
    twins.restore(state)
    assert (delay(twin), delay(twin)) == (first, second)


def test_the_fingerprint_tells_apart_what_flash_holds() -> None:
    twins = [probed() for _ in range(3)]
    for made, _ in twins:
        made.start()
    marks = [probe.fingerprint() for _, probe in twins]
    assert marks[0] == marks[1] == marks[2]
    for (made, _), version in zip(
        twins, (NEXT_VERSION, NEXT_VERSION, NEXT_VERSION + 1), strict=True
    ):
        assert made.running_version() == FIRST_VERSION
        made.upgrade(made.image(version, size=500))
    marks = [probe.fingerprint() for _, probe in twins]
    assert marks[0] == marks[1] != marks[2]


def test_a_restored_bridge_is_off() -> None:
    made, probe = probed()
    made.start()
    state = probe.snapshot()
    probe.restore(state)
    assert made.lane.bridge.deadline is None
    assert made.lane.bridge.wake(made.now) == ()


def test_no_log_is_kept_until_one_is_asked_for() -> None:
    made, probe = probed()
    probe.record(False)
    made.start()
    assert probe.count > 0
    assert list(probe.operations) == []
