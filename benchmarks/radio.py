"""Measure the virtual radio under real hosts: what it costs, and whether it loses anything.

The hosts are those of the interop tests, each a process of its own: zigpy with bellows, and
zigbee-herdsman, whose modules lie in the folder that HANOVER_NODE_HOSTS names. Run it as
``python -m benchmarks.radio``; 1 if a limit is missed.
"""

import asyncio
import json
import os
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from emulator.ncp.pty import PtyLine
from emulator.ncp.radio import BridgeSpec, StickSpec, VirtualRadio, at_home
from emulator.ncp.serve import Listeners, Server
from emulator.profiles.load import load
from emulator.units import Us
from emulator.wire.aps import Datagram
from emulator.wire.zcl import pack_header
from tests.interop.firmware import NEW, OLD, build, kinds, profile
from tests.interop.programs import Program, Radio, herdsman_host, zigpy_host

#: Octets of a block, as hosts send at most, and of the images.
BLOCK = 50
LONG, SHORT = 200_000, 4_000
FLEET, BURST = 20, 1_200
IDLE_S = 20
#: The longest that one step of a host may take.
STEP_S = 180

Host = Callable[..., Program]
HOSTS: dict[str, tuple[Host, str, str]] = {
    "zigpy": (zigpy_host, "socket", "--images"),
    "herdsman": (herdsman_host, "tcp", "--image"),
}

#: Limits: at most, or at least for those that begin with ">".
LIMITS = {
    "bellows forms on a pty, s": "1",
    "zigpy, radio CPU over host CPU": "0.167",
    "zigpy, radio CPU a block, ms": "0.5",
    "herdsman, its CPU over wall time": ">0.4",
    "zigpy, 20 bridges: upgraded": f">{FLEET}",
    "zigpy, 20 bridges: blocks asked twice": "0",
    "herdsman, 20 bridges: upgraded": f">{FLEET}",
    "herdsman, 20 bridges: blocks asked twice": "0",
    "zigpy, reports of a burst that arrived": f">{BURST}",
    "herdsman, reports of a burst that arrived": f">{BURST}",
    "idle, CPU in %": "1",
    "idle with a host, CPU in %": "1",
}


@dataclass(frozen=True, slots=True)
class Spent:
    """Hold what a download took."""

    wall_s: float
    host_s: float  # of processor time
    radio_s: float


def cpu_s(pid: int) -> float:
    """Return the processor time of a process so far, in seconds (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def scratch() -> Iterator[Path]:
    """Give a folder for one measurement."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def bridge_option(folder: Path, count: int = 1) -> str:
    """Return the option for bridges that take blocks as large as hosts send them."""
    return f"{profile(folder, 'B1', block_size_octets=BLOCK)},version={OLD:#x},count={count}"


def served(folder: Path, name: str, size: int) -> list[str]:
    """Build an image and return the option with which a host serves it."""
    image = build(folder / "images", "new.ota", kinds(folder)["B1"], NEW, size)
    option = HOSTS[name][2]
    return [option, str(image.parent if option == "--images" else image)]


def form(folder: Path) -> float:
    """Return the seconds from bellows' first octet to a network that runs."""
    with Radio(folder) as radio, zigpy_host(folder, radio.port(), "--bridges", "0") as host:
        return float(host.wait_for("started", STEP_S)["took_s"])


def upgrade(folder: Path, name: str) -> Spent:
    """Return what the download of a long image over a pty took."""
    start, scheme, _ = HOSTS[name]
    with (
        Radio(folder, "--bridge", bridge_option(folder), "--fast") as radio,
        start(folder, radio.port(scheme), *served(folder, name, LONG)) as host,
    ):
        begun = host.wait_for("upgrading", STEP_S)
        radio_begun = cpu_s(radio.pid)
        sent = host.wait_for("sent", STEP_S)
        radio_sent = cpu_s(radio.pid)
        if host.wait_for("upgraded", STEP_S)["version"] != NEW:
            raise RuntimeError(f"{name}: {host.said}")
    return Spent(
        sent["at_s"] - begun["at_s"], sent["cpu_s"] - begun["cpu_s"], radio_sent - radio_begun
    )


def fleet(folder: Path, name: str) -> tuple[int, int]:
    """Upgrade many bridges at once; return how many run the new version, and blocks asked twice."""
    start, scheme, _ = HOSTS[name]
    options = ["--bridge", bridge_option(folder, FLEET), "--fast", "--trace", "trace.jsonl"]
    with (
        Radio(folder, *options) as radio,
        start(
            folder,
            radio.port(scheme),
            *served(folder, name, SHORT),
            *("--bridges", str(FLEET)),
        ) as host,
    ):
        done = [host.wait_for("upgraded", STEP_S)["version"] for _ in range(FLEET)]
    asked: Counter[tuple[str, int]] = Counter()
    with (folder / "trace.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            if row["what"] == "send" and row.get("frame") == "ImageBlockRequest":
                asked[row["who"], row["fields"]["file_offset"]] += 1
    if len(asked) < FLEET * SHORT // BLOCK:
        raise RuntimeError(f"the trace has {len(asked)} blocks")
    return done.count(NEW), asked.total() - len(asked)


async def burst(folder: Path, name: str) -> tuple[int, float]:
    """Send many reports at one moment; return how many reach the host, and in how many seconds."""
    start, _, _ = HOSTS[name]
    bridge = at_home(load("B1"))
    image = build(folder, "old.ota", kinds(folder)["B1"], OLD, SHORT).read_bytes()
    radio = VirtualRadio(
        [StickSpec(name="stick")],
        [BridgeSpec(name="bridge", profile=bridge, image=image, version=OLD)],
        log=lambda _: None,
    )
    lines = {"stick": PtyLine(folder / "stick")}
    server = Server(radio, lines, Listeners(visit=lambda *_: None))
    await server.open()
    try:
        with start(folder, str(folder / "stick"), "--reports", str(BURST)) as host:
            found = await asyncio.to_thread(host.wait_for, "bridge", STEP_S)
            await asyncio.to_thread(host.wait_for, "counting", STEP_S)
            begun = asyncio.get_running_loop().time()
            stick, address = radio.sticks["stick"], found["address"]

            def send(now: Us) -> None:
                for number in range(BURST):
                    stick.hear(report(address, number), 255, -40, now)

            server.moment(send)
            count = (await asyncio.to_thread(host.wait_for, "reports", STEP_S))["count"]
            return count, asyncio.get_running_loop().time() - begun
    finally:
        server.close()


def report(address: int, number: int) -> Datagram:
    """Return a report of Basic's hardware version; no two are equal, as hosts drop repetitions."""
    body = bytes((0x03, 0x00, 0x20, number & 0xFF, 0x02, 0x00, 0x20, number >> 8))
    return Datagram(
        source=address,
        destination=0,
        source_endpoint=1,
        destination_endpoint=1,
        profile=0x0104,
        cluster=0,
        payload=pack_header(0x18, number & 0xFF, 0x0A) + body,
        aps_counter=number & 0xFF,
    )


def idle(folder: Path, with_host: bool) -> float:
    """Return the percent of a processor that the radio takes while nothing is asked of it."""
    with Radio(folder, "--bridge", f"B1,version={OLD:#x},count={FLEET}") as radio:
        if not with_host:
            radio.port()
            return _idle(radio)
        with zigpy_host(folder, radio.port(), "--bridges", str(FLEET), "--stay") as host:
            host.wait_for("staying", STEP_S)
            return _idle(radio)


def _idle(radio: Radio) -> float:
    begun = cpu_s(radio.pid)
    threading.Event().wait(IDLE_S)
    return (cpu_s(radio.pid) - begun) / IDLE_S * 100


def measured() -> Iterator[tuple[str, float]]:
    """Yield each figure as it is known."""
    with scratch() as folder:
        yield "bellows forms on a pty, s", form(folder)
    for name in HOSTS:
        with scratch() as folder:
            spent = upgrade(folder, name)
        yield f"{name}, blocks a second", LONG / BLOCK / spent.wall_s
        yield f"{name}, radio CPU over host CPU", spent.radio_s / spent.host_s
        yield f"{name}, radio CPU a block, ms", spent.radio_s / (LONG / BLOCK) * 1000
        yield f"{name}, its CPU over wall time", spent.host_s / spent.wall_s
    for name in HOSTS:
        with scratch() as folder:
            upgraded, twice = fleet(folder, name)
        yield f"{name}, {FLEET} bridges: upgraded", upgraded
        yield f"{name}, {FLEET} bridges: blocks asked twice", twice
    for name in HOSTS:
        with scratch() as folder:
            count, took_s = asyncio.run(burst(folder, name))
        yield f"{name}, reports of a burst that arrived", count
        yield f"{name}, seconds of the burst", took_s
    for words, with_host in (("idle", False), ("idle with a host", True)):
        with scratch() as folder:
            yield f"{words}, CPU in %", idle(folder, with_host)


def missed(name: str, value: float) -> bool:
    """Tell whether a figure is beyond its limit."""
    limit = LIMITS.get(name)
    if limit is None:
        return False
    return value < float(limit[1:]) if limit.startswith(">") else value > float(limit)


def main() -> int:
    """Print a table of what was measured and what is wanted."""
    bad, seen = 0, set()
    for name, value in measured():
        bad += missed(name, value)
        seen.add(name)
        limit = LIMITS.get(name, "")
        wanted = f"at least {limit[1:]}" if limit[:1] == ">" else f"at most {limit}" * bool(limit)
        print(f"{name:45} {value:10.3f}  {wanted}{'  MISSED' * missed(name, value)}", flush=True)
    if unseen := LIMITS.keys() - seen:
        raise RuntimeError(f"not measured: {sorted(unseen)}")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
