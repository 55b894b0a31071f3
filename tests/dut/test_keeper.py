"""A device that keeps its flash is brought where each case starts, or the case does not run."""

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from emulator.wire import ota
from emulator.wire.ota import Status
from harness.bench import Bench
from harness.dut.keeper import Keeper, Means
from harness.dut.load import load_dut
from harness.dut.rungs import Rungs
from harness.lanes import schemes
from harness.lanes.port import Lane, Setup
from harness.report.model import CaseResult
from harness.runner import run_suite
from harness.suite import Chosen, RunOptions
from harness.verdict import Outcome
from tests.dut.files import write_dut
from tests.dut.kept import KeptDevice

#: Cases that each take the device one version up, one that takes it two, one that takes it none.
UP = ("image_is_applied_at_once", "image_waits_for_leave", "idle_attributes")
TWO = ("short_blocks_are_stored",)
NONE = ("client_cluster_is_declared",)


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> KeptDevice:
    device = KeptDevice()
    monkeypatch.setitem(schemes.SCHEMES, "kept", device.open)
    return device


def run(path: Path, *match: str, link: str = "kept:") -> Mapping[str, CaseResult]:
    dut = load_dut(path)
    chosen = Chosen(profile=dut.profile, given=str(path), dut=dut)
    found = run_suite(RunOptions(profiles=(chosen,), link=link, match=match))
    assert found.collected.broken == []
    return {one.case.partition("::")[2]: one for one in found.results}


def verdicts(results: Mapping[str, CaseResult]) -> dict[str, Outcome]:
    return {name: one.verdict for name, one in results.items()}


def test_device_is_brought_back_by_a_downgrade(tmp_path: Path, kept: KeptDevice) -> None:
    found = run(write_dut(tmp_path), *UP, *TWO, *NONE)
    assert set(verdicts(found).values()) == {Outcome.PASSED}
    assert len(found) == 5


def test_ladder_is_climbed_until_it_ends(tmp_path: Path, kept: KeptDevice) -> None:
    found = run(write_dut(tmp_path, restore="ladder", versions=3), *UP, *NONE)
    passed = [name for name, verdict in verdicts(found).items() if verdict is Outcome.PASSED]
    refused = [one for one in found.values() if one.verdict is Outcome.UNSUPPORTED]
    assert len(passed) == 3  # the one that needs no version, and two of three
    assert [one.reason for one in refused] == [
        "needs 1 versions above 0x03000000, where the device stands"
    ]


def test_command_brings_the_device_back(tmp_path: Path, kept: KeptDevice) -> None:
    said = tmp_path / "said.txt"
    script = tmp_path / "flash.py"
    script.write_text(
        "import sys\nwith open(sys.argv[1], 'a') as out: print(*sys.argv[2:], file=out)\n", "utf-8"
    )
    restore = f"cmd:{sys.executable} {script} {said} {{version}} {{eui64}} {{file}}"
    found = run(write_dut(tmp_path, restore=restore, versions=2), *UP)
    # The program says that it did it, and did not: our trouble, not the device's.
    verdict = verdicts(found)
    assert sorted(verdict.values()) == ["error", "error", "passed"]
    reason = next(one.reason for one in found.values() if one.verdict is Outcome.ERROR)
    assert "restore: found 0x02000000 running, wanted 0x01000000" in reason
    line = said.read_text("utf-8").splitlines()[0]
    assert line == f"0x01000000 00124b0044555431 {tmp_path / 'fw1.ota'}"


def test_failing_command_is_named(tmp_path: Path, kept: KeptDevice) -> None:
    restore = f"cmd:{sys.executable} -c exit(7)"
    found = run(write_dut(tmp_path, restore=restore, versions=2), *UP[:2])
    errors = [one.reason for one in found.values() if one.verdict is Outcome.ERROR]
    assert len(errors) == 1
    assert "found exit code 7, wanted 0" in errors[0]


def test_pending_restart_is_waited_for(tmp_path: Path, kept: KeptDevice) -> None:
    """A case that ends with SUCCESS leaves the device about to restart."""
    found = run(write_dut(tmp_path), "block_request_has_the_fields", "upgraded_device_is_content")
    assert set(verdicts(found).values()) == {Outcome.PASSED}


def test_download_that_a_case_left_is_finished_first(tmp_path: Path, kept: KeptDevice) -> None:
    """The device would go on with it in the next case, which offers the same version."""
    dut = load_dut(write_dut(tmp_path, versions=4))
    keeper = Keeper(dut, Means(link="kept:"))
    first = Bench(dut.profile, **keeper.place(Rungs(), dut.profile, None))
    first.start()
    assert first.start_download(first.image(), blocks=5) > 0
    first.cut_power()  # as a case that is broken off may leave it
    keeper.left(first)
    first.close()
    second = Bench(dut.profile, **keeper.place(Rungs(), dut.profile, None))
    second.start()
    assert second.version(0) == second.running_version() == first.version(1)
    assert second.offer(second.image()) is Status.SUCCESS
    assert second.heard(ota.ImageBlockRequest)[0].file_offset == 0
    second.close()


def test_made_devices_need_no_restoring(tmp_path: Path) -> None:
    found = run(write_dut(tmp_path, restore="ladder", versions=3), *UP, *TWO, link="direct:")
    assert set(verdicts(found).values()) == {Outcome.PASSED}


UNSUPPORTED = [
    ("page_with_gaps", "the device states no OTA.CLIENT.PAGE"),
    ("server_may_not_activate", "the device states no OTA.CLIENT.ACTIVATION_POLICY"),
    ("device_asks_thrice", "cannot be given other settings: ota.timeout_policy = 0, "),
    ("two_versions_are_never_mixed", "needs 4 versions, the ladder has 3"),
    ("crashing_image_goes_back", "that is mute and crashes, ladder.special has none"),
    ("promises_outlive_power_cuts", "this lane has no probe"),
    ("two_devices_download_at_once", "a DUT file describes one"),
    ("RB-001", "vectors of the family rollback need firmware that the harness makes"),
]


@pytest.mark.parametrize(("case", "reason"), UNSUPPORTED, ids=[one[0] for one in UNSUPPORTED])
def test_what_a_device_cannot_do_is_unsupported(tmp_path: Path, case: str, reason: str) -> None:
    found = run(write_dut(tmp_path), case, link="direct:")
    assert {one.verdict for one in found.values()} == {Outcome.UNSUPPORTED}
    assert all(reason in one.reason for one in found.values()), found


def test_special_firmware_serves_cases_of_bad_images(tmp_path: Path) -> None:
    found = run(write_dut(tmp_path), "mute_image_goes_back", link="direct:")
    assert verdicts(found) == {"mute_image_goes_back": Outcome.PASSED}


def test_images_are_made_anew_where_nobody_signs(tmp_path: Path) -> None:
    """A file with an integrity code alone can get another hardware range or destination."""
    cases = ("image_for_other_hardware", "image_for_another_device", "unknown_elements")
    found = run(write_dut(tmp_path), *cases, link="direct:")
    assert len(found) == 4
    assert set(verdicts(found).values()) == {Outcome.PASSED}


def test_defect_is_seen_through_a_dut_file(tmp_path: Path) -> None:
    """What is judged is the device, not the file: a bridge that skips its checks fails."""
    dut = load_dut(write_dut(tmp_path))
    chosen = Chosen(profile=dut.profile, given="", dut=dut)
    case = ("wrong_integrity_code",)
    good = run_suite(RunOptions(profiles=(chosen,), match=case)).results
    bad = run_suite(RunOptions(profiles=(chosen,), match=case, defect="D105")).results
    assert [one.verdict for one in (*good, *bad)] == [Outcome.PASSED, Outcome.FAILED]


def test_step_past_a_version_is_asked_of_those_who_go_it(tmp_path: Path) -> None:
    """A device that goes one version at a time runs what needs no more, and no more."""
    path = write_dut(tmp_path, versions=4, size=6000)
    path.write_text(path.read_text("utf-8").replace('"up", "skip"', '"up"'), "utf-8")
    one = ("image_is_applied_at_once", "confirmed_image_stays")
    found = run(
        path, *one, "mute_image_goes_back", "two_versions_are_never", "SE-002", link="direct:"
    )
    assert {name: found[name].verdict for name in one} == dict.fromkeys(one, Outcome.PASSED)
    rest = [each for name, each in found.items() if name not in one]
    assert len(rest) == 3
    assert {each.verdict for each in rest} == {Outcome.UNSUPPORTED}
    assert all('ladder.steps has no "skip"' in each.reason for each in rest), rest


def test_the_supply_is_raised_before_a_lane_looks_for_the_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said, seen, device = tmp_path / "said.txt", [], KeptDevice()

    def opened(setup: Setup) -> Lane:
        seen.append(said.read_text("utf-8").split()[-1])
        return device.open(setup)

    monkeypatch.setitem(schemes.SCHEMES, "kept", opened)
    program = f"import sys; open({str(said)!r}, 'a').write(sys.argv[1] + ' ')"
    power = f"cmd:{shlex.join([sys.executable, '-c', program])} {{state}}"
    dut = load_dut(write_dut(tmp_path))
    keeper = Keeper(dut, Means(link="kept:", power=power))
    still = Rungs(end=0, top=0)
    first = Bench(dut.profile, **keeper.place(still, dut.profile, None))
    first.start()
    first.cut_power()
    assert said.read_text("utf-8").split()[-1] == "off"
    keeper.left(first)
    first.close()
    Bench(dut.profile, **keeper.place(still, dut.profile, None)).close()
    keeper.close()
    assert len(seen) == 4  # each time to see which version runs, and for the case
    assert set(seen) == {"on"}
