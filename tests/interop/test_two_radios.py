"""Let a host on one virtual stick join the network that a host on another one formed."""

import sys
from pathlib import Path

from tests.interop.programs import HOSTS, Program, Radio, zigpy_host

STEP_S = 60


def test_a_stick_joins_the_network_of_another(tmp_path: Path) -> None:
    sticks = ["--radio", "name=hub,listen=pty:./hub", "--radio", "name=dut,listen=tcp:127.0.0.1:0"]
    with Radio(tmp_path, *sticks, listen="") as radio:
        hub_port = radio.port(name="hub")
        dut_port = radio.port(name="dut")
        with (
            zigpy_host(tmp_path, hub_port, "--bridges", "1") as hub,
        ):
            network = hub.wait_for("started", STEP_S)
            hub.wait_for("permitted", STEP_S)
            joiner = [sys.executable, str(HOSTS / "joining_host.py"), dut_port]
            with Program("joiner", joiner, tmp_path) as dut:
                seen = dut.wait_for("network", STEP_S)
                assert seen == {
                    "event": "network",
                    "pan_id": network["pan_id"],
                    "channel": network["channel"],
                    "open": True,
                }
                joined = dut.wait_for("joined", STEP_S)
                assert joined["status"] == "NETWORK_UP"
                assert 0 < joined["address"] < 0xFFF8
                answer = bytes.fromhex(dut.wait_for("answer", STEP_S)["octets"])
                assert (
                    answer[:4] == b"\x2a\x00\x00\x00"
                )  # the question's number, SUCCESS, address 0
                assert answer[4] & 0x07 == 0  # and a coordinator
                assert dut.finish(STEP_S) == 0
                assert dut.heard("left")
