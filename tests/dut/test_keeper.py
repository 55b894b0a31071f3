"""A device that keeps its flash is brought where each case starts, or the case does not run."""

import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from harness.dut.load import load_dut
from harness.lanes import schemes
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
    ("IV-001", "vectors of the family image_verify need firmware that the harness makes"),
    ("image_of_another_version", "the ladder has none"),
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
