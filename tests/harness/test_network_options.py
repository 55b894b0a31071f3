"""What ``hanover run`` is told of a network on the air, before any stick is opened."""

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from emulator.contract import Identity
from emulator.errors import LinkError
from emulator.profiles.load import load
from emulator.units import SECOND
from harness.cli.run import run
from harness.hub.server import Hub
from harness.lanes.port import Setup
from harness.lanes.schemes import SCHEMES
from harness.lanes.sticks import TRIES, Sessions
from harness.trace import Trace
from tests.dut.files import write_dut

NOWHERE = "ezsp:/dev/nowhere"
CODE = "83FED3407A939723A5C639B26916D505C3B5"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--pan-id", "0"), "--pan-id: found 0x0, wanted 0x0001 to 0xFFFE"),
        (("--pan-id", "0xFFFF"), "--pan-id: found 0xffff, wanted 0x0001 to 0xFFFE"),
        (("--channel", "27"), "27 is not in the range 11<=x<=26"),
        (("--install-code", CODE), "--install-code: found no --eui64"),
        (
            ("--install-code", CODE[:-1] + "6", "--eui64", "1"),
            "--install-code: install code: CRC: found C3B6, wanted C3B5",
        ),
        (("-n", "2"), "-n: found 2, wanted 1: one process has the stick"),
        (("--profile", "B2"), "--profile: found 2, wanted the one that describes the device"),
    ],
)
def test_wrong_use_is_said_at_once(tmp_path: Path, options: tuple[str, ...], message: str) -> None:
    given = ["--link", NOWHERE, "--profile", "B1", "--out", str(tmp_path / "out"), *options]
    result = CliRunner().invoke(run, given)
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "option",
    [
        *("--network=folder", "--channel=15", "--pan-id=1", "--extended-pan-id=1"),
        *("--eui64=1", "--baudrate=115200", "--restart=leave"),
    ],
)
@pytest.mark.parametrize("link", ["direct:", "loopback", "exec:true"])
def test_what_is_said_of_no_network_is_refused(tmp_path: Path, link: str, option: str) -> None:
    given = ["--link", link, "--profile", "B1", "--out", str(tmp_path / "out"), option]
    result = CliRunner().invoke(run, given)
    name, spelled = option.partition("=")[0], f"{link}:".replace("::", ":")
    spelled = link if "exec" in link else spelled
    assert result.exit_code == 2
    assert f"{name}: found --link {spelled}, wanted ezsp:PORT" in result.output
    assert not (tmp_path / "out").exists()


def test_network_of_a_device_that_names_its_own_link_is_taken(tmp_path: Path) -> None:
    path = write_dut(tmp_path, top="link = 'ezsp:/dev/nowhere'\n")
    given = ["--dut", str(path), "--channel", "15", "-k", "query", "--list"]
    result = CliRunner().invoke(run, given)
    assert (result.exit_code, "query" in result.output) == (0, True)


def test_no_command_pays_for_a_stick_that_nobody_opens() -> None:
    assert "ezsp" in SCHEMES
    code = "import sys, harness.cli.run, harness.lanes.schemes; print(sorted(sys.modules))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "'harness.lanes.ezsp'" in said.stdout
    assert "'zigpy'" not in said.stdout
    assert "'bellows'" not in said.stdout


def test_a_stick_that_cannot_be_used_is_not_tried_for_ever(tmp_path: Path) -> None:
    profile = load("B1")
    identity = Identity(eui64=1, manufacturer=1, image_type=1, hardware_version=1)
    setup = Setup(
        profile=profile,
        identity=identity,
        image=b"",
        version=1,
        seed=0,
        hub=Hub(),
        trace=Trace(),
        place=str(tmp_path / "nothing"),
    )
    sessions = Sessions()
    for _ in range(TRIES):
        with pytest.raises(LinkError, match=r"nothing: cannot be used: .*No such file"):
            sessions.open(setup)
    with pytest.raises(LinkError, match="not tried again"):
        sessions.open(setup)
    sessions.close()
    with pytest.raises(LinkError, match=r"No such file or directory[^(]*$"):
        sessions.open(setup)
    assert setup.options.max_wait_us == 600 * SECOND
