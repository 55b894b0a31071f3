"""Judge an emulated bridge through a virtual stick with the cases that judge it in memory."""

import json
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from emulator.profiles import load
from tests.interop.hasty import as_toml, hasty
from tests.interop.programs import Radio, environment

#: Real seconds that a run may last on a loaded machine.
LIMIT_S = 600
MAX_WAIT_S = "15"


def run_cases(
    folder: Path, link: str, profile: Path, *options: str, code: int = 0
) -> dict[str, Any]:
    """Run cases over a link, and return the report; fail where the exit code is another."""
    command = [sys.executable, "-m", "harness.cli.main", "run", "--link", link, "--json"]
    command += ["--profile", str(profile), "--max-wait", MAX_WAIT_S, *options]
    with subprocess.Popen(
        command,
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            said, complaints = process.communicate(timeout=LIMIT_S)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
            said, complaints = process.communicate(timeout=30)
    assert process.returncode == code, f"{complaints}\n{said[-3000:]}"
    report: dict[str, Any] = json.loads(said)
    return report


def verdicts(report: dict[str, Any]) -> dict[str, str]:
    """Return the verdict of each case."""
    return {one["case"]: one["verdict"] for one in report["results"]}


#: Cases that a device passes on the air in seconds each: everything of the topic that needs no
#: power, no lost frames and no hour.
DOWNLOADS = (
    *("discovery", "attributes"),
    *("bad_block_is_not_stored/cut_short", "bad_block_is_not_stored/version"),
    *("bad_block_is_not_stored/longer", "block_of_another_offset", "block_larger_than_asked"),
    *("short_blocks_are_stored", "abort_stops", "wait_for_data_is_obeyed/offset"),
    *("block_request_has_the_fields", "download_starts_at"),
)
ANSWERS = (
    *("status_after_the_download", "upgraded_device_is_content", "no_image_means_no_download"),
    *("impossible_offer", "query_says_what_runs", "broadcast_notify_for_others"),
    *("unicast_notify_is_followed", "not_authorized_starts", "wrong_sequence_number"),
    *("refused_block_request_ends", "block_over_the_end", "octets_behind_a_block"),
    *("altered_image_is_refused",),
    *("FR-038", "FR-317", "SE-001"),
)
#: What a stick or a device that is there already has no way to.
NO_WAY = {
    "discovery::failed_discovery_does_not_storm": "this lane has no factory",
    "discovery::lost_server_is_sought_in_time": "this device cannot be given other settings:"
    " ota.errors_before_discovery = 2, ota.request_tries = 5",
    "discovery::server_is_discovered": "this lane has no factory",
    "verification::altered_image_is_refused": "this lane has no power",
    "download::bad_block_is_not_stored/longer_than_announced": "needs a message of 257 octets,"
    " the stick takes 73",
}
#: What more cases of discovery than these may lack.
NO_OTHER_WAY = {"this lane has no factory"}


def chosen(names: tuple[str, ...]) -> list[str]:
    """Return the options that choose cases."""
    return [word for name in names for word in ("-k", name)]


@pytest.mark.parametrize(
    ("listen", "names", "least"),
    [("pty:./stick", DOWNLOADS, 14), ("tcp:127.0.0.1:0", ANSWERS, 22)],
    ids=["downloads_by_pty", "answers_by_tcp"],
)
def test_cases_pass_on_the_air(
    tmp_path: Path, listen: str, names: tuple[str, ...], least: int
) -> None:
    """Each that passes here passes in memory too, and none fails."""
    profile = tmp_path / "hasty.toml"
    profile.write_text(as_toml(hasty("B1")), "utf-8")
    with Radio(tmp_path, "--strict", "--bridge", str(profile), listen=listen) as radio:
        report = run_cases(tmp_path, f"ezsp:{radio.port()}", profile, *chosen(names))
        radio.stop(20)
    found = verdicts(report)
    reasons = {
        one["case"]: one["reason"] for one in report["results"] if one["verdict"] == "unsupported"
    }
    assert {case: why for case, why in NO_WAY.items() if case in found}.items() <= reasons.items()
    assert {why for case, why in reasons.items() if case not in NO_WAY} <= NO_OTHER_WAY
    assert Counter(found.values()) == {
        "passed": len(found) - len(reasons),
        **({"unsupported": len(reasons)} if reasons else {}),
    }
    assert len(found) - len(reasons) >= least
    direct = verdicts(run_cases(tmp_path, "direct:", profile, *chosen(names)))
    assert {case: direct[case] for case in found if case not in reasons} == {
        case: "passed" for case in found if case not in reasons
    }


def test_a_device_that_is_not_what_its_profile_says_fails(tmp_path: Path) -> None:
    """It is of another maker than the profile promises, and takes no image of that one."""
    truth, told = hasty("B1"), load.overlay(hasty("B1"), {"ota.manufacturer_code": 0xFFF2})
    device, profile = tmp_path / "device.toml", tmp_path / "told.toml"
    device.write_text(as_toml(truth), "utf-8")
    profile.write_text(as_toml(told), "utf-8")
    case = "status_after_the_download"
    with Radio(tmp_path, "--strict", "--bridge", str(device)) as radio:
        link = f"ezsp:{radio.port()}"
        found = run_cases(tmp_path, link, profile, "-k", case, "--fail-on", "all", code=1)
        radio.stop(20)
    assert set(verdicts(found).values()) == {"failed"}
    (stick,) = found["carriers"]
    assert {"make", "model", "firmware", "ezsp", "pan_id"} < set(stick)
    assert (stick["kind"], f"ezsp:{stick['port']}") == ("stick", link)
    assert 11 <= int(stick["channel"]) <= 26
    assert int(stick["eui64"], 16) > 0


def test_a_port_that_is_not_there_is_our_trouble(tmp_path: Path) -> None:
    profile = tmp_path / "hasty.toml"
    profile.write_text(as_toml(hasty("B1")), "utf-8")
    link = f"ezsp:{tmp_path}/nothing"
    report = run_cases(tmp_path, link, profile, "-k", "query_says", code=3)
    (result,) = report["results"]
    assert result["verdict"] == "error"
    assert f"ezsp:{tmp_path}/nothing: cannot be used" in result["reason"]
