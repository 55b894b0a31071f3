"""``hanover radio``: what it is told, what it says, what it leaves behind."""

import json
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner, Result

from emulator.ncp.ash import SOFTWARE
from emulator.ncp.ash_frames import AshFrame, Kind
from emulator.ncp.port import Member, NodeKind
from emulator.ncp.radio import StickSpec, VirtualRadio
from emulator.ncp.tcp import TcpLine
from emulator.ncp.tokens import Tokens
from emulator.units import MILLISECOND
from emulator.wire.ota_file import OtaHeader
from harness.cli.image_files import Flawed, WrongUse
from harness.cli.main import hanover
from harness.cli.radio_options import (
    BridgeOption,
    RadioOption,
    bridge_option,
    bridge_specs,
    is_exposed,
    line_of,
    radio_options,
)
from harness.cli.radio_state import BETWEEN_WRITES_US, Kept, Saver, read_state

RST = b"\x1a" + AshFrame(kind=Kind.RST).encode()
RSTACK = AshFrame(kind=Kind.RSTACK, code=SOFTWARE).encode()
#: The example of the standard (13-0402-13, 10.1.1).
INSTALL_CODE = "83FED3407A939723A5C639B26916D505C3B5"
needs_pty = pytest.mark.skipif(not hasattr(select, "epoll"), reason="pty: needs Linux")


# What it is told.


def test_a_bridge_in_full() -> None:
    option = bridge_option(
        f"B1,name=near,version=0x01000007,eui64=00:11:22:33:44:55:66:77,install-code={INSTALL_CODE}"
    )
    assert option == BridgeOption(
        profile="B1",
        name="near",
        version=0x01000007,
        eui64=0x0011223344556677,
        install_code=bytes.fromhex(INSTALL_CODE),
    )
    assert bridge_option("b4,count=3") == BridgeOption(profile="b4", count=3)
    assert bridge_option("x.toml,image=a.ota").image == Path("a.ota")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "found no name"),
        (",count=2", "found no name"),
        ("B1,colour=red", "found 'colour=red', wanted image="),
        ("B1,count", "found 'count', wanted image="),
        ("B1,image=", "found 'image=', wanted image="),
        ("B1,count=0", "found count 0, wanted 1 to 200"),
        ("B1,count=201", "found count 201, wanted 1 to 200"),
        ("B1,count=x", "found count x, wanted 1 to 200"),
        ("B1,version=1,version=2", "found version= twice"),
        ("B1,version=1,image=f", "found image and version, wanted one of them"),
        ("B1,version=0x100000000", "version: found 0x100000000, wanted 0 to 0xffffffff"),
        ("B1,eui64=0", "eui64: found 0, wanted 0x1 to 0xfffffffffffffffe"),
        ("B1,eui64=1,count=2", "found eui64 for 2 bridges, wanted one bridge"),
        ("B1,install-code=0102", "found 2 octets, wanted one of 8, 10, 14, 18"),
        (f"B1,install-code={INSTALL_CODE[:-1]}4", "CRC: found C3B4, wanted C3B5"),
    ],
)
def test_a_bridge_that_cannot_be_read(text: str, why: str) -> None:
    with pytest.raises(WrongUse) as found:
        bridge_option(text)
    assert why in found.value.message
    assert found.value.message.startswith(f"--bridge {text}: ")


def test_sticks() -> None:
    one = radio_options((), "pty:./stick", 14)
    two = radio_options(("name=hub,listen=pty:h", "name=dut,listen=tcp:9,ezsp=18"), None, 13)

    assert one == (RadioOption(name="radio", listen="pty:./stick", ezsp=14),)
    assert two == [
        RadioOption(name="hub", listen="pty:h", ezsp=13),
        RadioOption(name="dut", listen="tcp:9", ezsp=18),
    ]


@pytest.mark.parametrize(
    ("radios", "listen", "why"),
    [
        ((), None, "found neither or both, wanted one of them"),
        (("name=a,listen=tcp:1",), "tcp:1", "found neither or both"),
        (("name=a",), None, "found no listen="),
        (("listen=tcp:1",), None, "found no name="),
        (("name=a,listen=tcp:1,ezsp=15",), None, "found ezsp 15, wanted one of 13, 14, 16"),
        (("name=a,listen=tcp:1", "name=a,listen=tcp:2"), None, "found the name a twice"),
    ],
)
def test_sticks_that_cannot_be_read(radios: tuple[str, ...], listen: str | None, why: str) -> None:
    with pytest.raises(WrongUse) as found:
        radio_options(radios, listen, 13)
    assert why in found.value.message


@pytest.mark.parametrize(
    ("listen", "where"),
    [
        ("tcp:127.0.0.1:9001", "tcp:127.0.0.1:9001"),
        ("tcp:0.0.0.0:0", "tcp:0.0.0.0:0"),
        ("tcp:[::1]:9001", "tcp:[::1]:9001"),
        ("tcp::9001", "tcp:127.0.0.1:9001"),
        ("tcp:9001", "tcp:127.0.0.1:9001"),
        ("pty:a/stick", "pty:a/stick"),
    ],
)
def test_lines(listen: str, where: str) -> None:
    assert line_of(listen).where == where


@pytest.mark.parametrize(
    ("listen", "exposed"),
    [
        ("pty:stick", False),
        ("tcp:9001", False),
        ("tcp:127.0.0.1:9001", False),
        ("tcp:[::1]:9001", False),
        ("tcp:localhost:9001", False),
        ("tcp:0.0.0.0:9001", True),
        ("tcp:[::]:9001", True),
        ("tcp:192.0.2.1:9001", True),
        ("tcp:stick.example:9001", True),
    ],
)
def test_who_may_reach_a_stick(listen: str, exposed: bool) -> None:
    assert is_exposed(listen) is exposed


@pytest.mark.parametrize("listen", ["", "pty:", "tcp:", "tcp:host", "tcp:host:65536", "udp:h:1"])
def test_lines_that_there_are_not(listen: str) -> None:
    with pytest.raises(WrongUse, match=r"found no line, wanted pty:PATH or tcp:HOST:PORT"):
        line_of(listen)


def test_bridges_speak_home_automation_unless_strict() -> None:
    options = [bridge_option("B1,count=2"), bridge_option("B1"), bridge_option("B4,name=B1")]

    specs, remarks = bridge_specs(options, strict=False, fast=False)
    assert [spec.name for spec in specs] == ["B1", "B1-2", "B1-3", "B1-4"]
    (other,), _ = bridge_specs(options[1:2], strict=False, fast=False, taken={"B1"})
    assert other.name == "B1-2"
    assert {spec.profile.ota.zigbee_profile for spec in specs} == {0x0104}
    assert not any(spec.profile.ota.aps_encrypt for spec in specs)
    assert len(remarks) == 1
    assert "--strict" in remarks[0]

    specs, remarks = bridge_specs(options, strict=True, fast=True)
    assert {spec.profile.ota.zigbee_profile for spec in specs} == {0x0109}
    assert {spec.profile.ota.first_query_delay_s for spec in specs} == {1}
    assert remarks == ()


def test_the_image_and_the_version_to_start_from(tmp_path: Path) -> None:
    (made,), _ = bridge_specs([bridge_option("B1,version=7")], strict=False, fast=False)
    assert made.version == 7
    assert OtaHeader.decode_at(made.image, 0)[0].file_version == 7

    file = tmp_path / "a.ota"
    file.write_bytes(made.image)
    (started,), _ = bridge_specs([bridge_option(f"B1,image={file}")], strict=False, fast=False)
    assert (started.image, started.version) == (made.image, 7)

    (ready,), remarks = bridge_specs([bridge_option(f"B1,for={file}")], strict=False, fast=False)
    assert ready.version == 6
    assert ready.image != made.image
    assert any("0x00000006" in remark for remark in remarks)


# What it keeps.


def _radio(tokens: Tokens | None = None) -> VirtualRadio:
    return VirtualRadio([StickSpec(name="hub", tokens=tokens)], log=lambda line: None)


def test_state_comes_back(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    radio, kept = _radio(), Kept()
    member = Member(name="B1", eui64=0x42, address=0x1234, kind=NodeKind.ROUTER)
    kept.roll, kept.tokens["other"] = (member,), Tokens(factory_eui64=7)
    radio.sticks["hub"].tokens = radio.sticks["hub"].tokens.with_object(1, 0, b"abc")

    Saver(file, kept, radio).save()
    found = read_state(file)
    assert found.tokens == {"hub": radio.sticks["hub"].tokens, "other": Tokens(factory_eui64=7)}
    assert found.roll == ()  # no stick is on a network, so nobody is
    assert list(tmp_path.iterdir()) == [file]


def test_nothing_new_is_not_written_and_much_new_not_at_once(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    radio = _radio()
    stick, saver = radio.sticks["hub"], Saver(file, Kept(), radio)

    assert saver.settled(1) is None
    first = file.read_bytes()
    file.unlink()
    assert saver.settled(2) is None
    assert not file.exists()
    stick.tokens = stick.tokens.with_object(1, 0, b"abc")
    wanted = saver.settled(3)
    assert wanted == 1 + BETWEEN_WRITES_US
    assert not file.exists()
    assert saver.settled(wanted) is None
    assert file.read_bytes() != first
    stick.tokens = stick.tokens.with_object(1, 0, b"abcd")
    saver.save()  # at the end it does not wait
    assert read_state(file).tokens["hub"] == stick.tokens


def test_no_state_yet(tmp_path: Path) -> None:
    assert read_state(tmp_path / "none") == Kept()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"schema": 2}, "schema: found 2, wanted 1"),
        ({"sticks": []}, "sticks: found list, wanted an object"),
        ({"members": 3}, "members: found int, wanted a list"),
        ({"members": [{}]}, "members[0]: found {}, wanted name, eui64"),
        ({"members": [{"kind": "x"}]}, "members[0].kind: found 'x', wanted int"),
        ({"members": [{"kind": 9}]}, "members[0].kind: found 9, wanted 0 to 4"),
        ({"members": [{"eui64": "12"}]}, "members[0].eui64: found '12', wanted 16 hexadecimal"),
        ({"members": [{"address": 65536}]}, "members[0].address: found 65536, wanted 0 to 65535"),
    ],
)
def test_damaged_state(tmp_path: Path, change: dict[str, Any], why: str) -> None:
    file = tmp_path / "state.json"
    member = {"name": "B1", "eui64": "00" * 8, "address": 1, "kind": 2, "parent": 0}
    members = change.get("members")
    if isinstance(members, list) and members[0]:
        change = {"members": [{**member, **members[0]}]}
    file.write_text(json.dumps({"schema": 1, "sticks": {}, "members": [], **change}))

    with pytest.raises(Flawed) as found:
        read_state(file)
    assert found.value.message.startswith(f"{file}: {why}")


def test_state_that_is_no_json(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    file.write_text('{"schema": 1,')
    with pytest.raises(Flawed, match="found no JSON"):
        read_state(file)


# What it says when it cannot.


def _asked(*arguments: str) -> Result:
    return CliRunner().invoke(hanover, ["radio", *arguments])


def test_the_command_is_listed_and_helps() -> None:
    assert "Be a ZigBee radio stick" in CliRunner().invoke(hanover, ["--help"]).output
    assert "pty:PATH|tcp:HOST:PORT" in _asked("--help").output


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ((), "--listen or --radio: found neither or both"),
        (("--listen", "tcp:0", "--bridge", "nobody"), "nobody"),
        (("--listen", "tcp:0", "--bridge", "B1,image=none.ota"), "none.ota: found nothing"),
        (("--listen", "tcp:0", "--ezsp", "15"), "'15' is not one of '13', '14', '16'"),
        (("--listen", "tcp:0", "--bridge", "B1,eui64=9", "--bridge", "B1,eui64=9"), "already"),
    ],
)
def test_wrong_use(arguments: tuple[str, ...], why: str) -> None:
    result = _asked(*arguments)
    assert result.exit_code == 2
    assert why in result.output


# The program.


class Program(NamedTuple):
    """Be a running ``hanover radio``, and where its sticks listen."""

    process: "subprocess.Popen[str]"
    where: dict[str, str]
    events: list[dict[str, Any]]

    def reads(self) -> dict[str, Any]:
        """Return the next line that it prints."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.communicate(timeout=20)[1]
        made: dict[str, Any] = json.loads(line)
        self.events.append(made)
        return made

    def ends(self, number: signal.Signals) -> tuple[int, str]:
        """Send a signal; return exit code and what it complains of."""
        self.process.send_signal(number)
        _, complaint = self.process.communicate(timeout=20)
        return self.process.returncode, complaint


@contextmanager
def program(folder: Path, *arguments: str, sticks: int = 1) -> Iterator[Program]:
    """Run the command, up to where it listens."""
    code = "import sys; from harness.cli.main import main; main()"
    command = [sys.executable, "-c", code, "radio", "--json", *arguments]
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        command,
        cwd=folder,
        env={"PYTHONPATH": str(root), "PATH": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        made = Program(process, {}, [])
        try:
            while len(made.where) < sticks:
                event = made.reads()
                if event["event"] == "listening":
                    made.where[event["radio"]] = event["listen"]
            yield made
        finally:
            process.kill()


def _greets(where: str) -> bytes:
    _, host, port = where.split(":")
    with socket.create_connection((host, int(port)), timeout=20) as host_side:
        host_side.sendall(RST)
        found = b""
        while len(found) < len(RSTACK) and (more := host_side.recv(100)):
            found += more
        return found


@pytest.mark.parametrize(
    ("number", "code", "complaint"),
    [(signal.SIGINT, 130, "hanover: interrupted\n"), (signal.SIGTERM, 0, "")],
)
def test_it_listens_and_ends(
    tmp_path: Path, number: signal.Signals, code: int, complaint: str
) -> None:
    arguments = ("--bridge", "B1", "--listen", "tcp:127.0.0.1:0", "--state", "state.json")
    with program(tmp_path, *arguments, "--ash-log", "ash.log", "--trace", "trace.jsonl") as it:
        assert _greets(it.where["radio"]) == RSTACK
        assert [it.reads()["event"] for _ in range(2)] == ["host attached", "host detached"]
        assert it.ends(number) == (code, complaint)

    assert "event" in it.events[0]
    assert {"event": "started", "t_us": 0, "bridge": "B1", "version": 0x01000000} in it.events
    assert "radio" in read_state(tmp_path / "state.json").tokens
    log = (tmp_path / "ash.log").read_text().splitlines()
    assert log[0].endswith(f"radio host > {RST.hex(' ')}")
    assert log[1].endswith(f"radio host < {RSTACK.hex(' ')}")
    rows = [json.loads(line) for line in (tmp_path / "trace.jsonl").read_text().splitlines()]
    assert {"t_us": 0, "who": "B1", "what": "power", "text": "on"} in rows


@needs_pty
def test_two_sticks_and_a_link_that_goes(tmp_path: Path) -> None:
    radios = ("--radio", "name=hub,listen=pty:./hub", "--radio", "name=dut,listen=tcp:0,ezsp=14")
    with program(tmp_path, *radios, sticks=2) as it:
        assert it.where["hub"] == "pty:hub"
        assert (tmp_path / "hub").is_symlink()
        assert _greets(it.where["dut"]) == RSTACK
        assert it.ends(signal.SIGINT)[0] == 130
    assert list(tmp_path.iterdir()) == []


@needs_pty
def test_a_killed_one_does_not_stand_in_the_way_of_the_next(tmp_path: Path) -> None:
    with program(tmp_path, "--listen", "pty:stick") as first:
        refused = _ends_at_once(tmp_path, "--listen", "pty:stick")
        assert refused.returncode == 3
        assert refused.stderr.startswith("hanover: pty:stick: found a link to /dev/pts/")
        assert refused.stderr.endswith("which is in use\n")
        first.ends(signal.SIGKILL)
    assert (tmp_path / "stick").is_symlink()
    with program(tmp_path, "--listen", "pty:stick") as second:
        assert second.ends(signal.SIGTERM)[0] == 0
    assert list(tmp_path.iterdir()) == []


def test_a_port_in_use(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        where = f"tcp:127.0.0.1:{taken.getsockname()[1]}"
        refused = _ends_at_once(tmp_path, "--listen", where)
    assert refused.returncode == 3
    assert refused.stderr == f"hanover: {where}: Address already in use\n"


@needs_pty
def test_a_path_that_is_taken(tmp_path: Path) -> None:
    (tmp_path / "stick").write_text("mine")
    refused = _ends_at_once(tmp_path, "--listen", "pty:stick")
    assert refused.returncode == 3
    assert refused.stderr == "hanover: pty:stick: found a file, wanted nothing there\n"
    assert (tmp_path / "stick").read_text() == "mine"


def test_no_place_for_the_state(tmp_path: Path) -> None:
    refused = _ends_at_once(tmp_path, "--listen", "tcp:0", "--state", "none/state.json")
    assert refused.returncode == 3
    assert refused.stderr.startswith("hanover: none/state.json: cannot be written: ")
    assert refused.stderr.count("\n") == 1


def _ends_at_once(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    code = "import sys; from harness.cli.main import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, "radio", *arguments],
        cwd=folder,
        env={"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_lines_have_the_type_that_serves_them() -> None:
    assert isinstance(line_of("tcp:0"), TcpLine)
    assert BETWEEN_WRITES_US < 1000 * MILLISECOND
