"""Hub on one stick, device on another: nothing is passed but octets over two lines."""

import sys
from pathlib import Path

from tests.interop.hasty import as_toml, hasty
from tests.interop.programs import Program, Radio
from tests.interop.test_ezsp_lane import chosen, run_cases, verdicts

STEP_S = 60
#: Discovery, a query, an upgrade, an end in the middle, and an image that is refused.
CASES = (
    "client_cluster_is_declared",
    "query_says_what_runs",
    "abort_stops",
    "bad_block",
    "altered",
)


def test_a_bridge_behind_a_stick_of_its_own_is_judged(tmp_path: Path) -> None:
    profile = tmp_path / "hasty.toml"
    profile.write_text(as_toml(hasty("B1")), "utf-8")
    sticks = ["--radio", "name=hub,listen=pty:./hub", "--radio", "name=dut,listen=tcp:127.0.0.1:0"]
    with Radio(tmp_path, *sticks, listen="") as radio:
        hub, dut = radio.port(name="hub"), radio.port(name="dut")
        emulate = [sys.executable, "-m", "harness.cli.main", "emulate", str(profile), "--strict"]
        emulate += ["--json", "--link", f"ezsp:{dut}", "--state", str(tmp_path / "state")]
        with Program("bridge", emulate, tmp_path) as bridge:
            bridge.wait_for("started", STEP_S)
            report = run_cases(tmp_path, f"ezsp:{hub}", profile, *chosen(CASES))
            assert bridge.heard("confirmed")
            assert bridge.heard("image refused")
            bridge.stop(STEP_S)
        radio.stop(STEP_S)
    found = verdicts(report)
    unsupported = {case for case, verdict in found.items() if verdict == "unsupported"}
    assert unsupported == {
        "download::bad_block_is_not_stored/longer_than_announced",
        "verification::altered_image_is_refused",  # refused, and then its power is to be cut
    }
    assert {verdict for case, verdict in found.items() if case not in unsupported} == {"passed"}
    assert len(found) >= 9
