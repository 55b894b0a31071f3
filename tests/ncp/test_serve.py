"""The server: time, faults, and hosts that err, with a true stick behind a real line."""

from pathlib import Path
from typing import Any

import pytest

from emulator.errors import LinkError
from emulator.ncp import tcp
from emulator.ncp.ash import POWER_ON, RESERVE, SOFTWARE
from emulator.ncp.ash_frames import AshFrame, Deframer, Kind
from emulator.ncp.pty import PtyLine
from emulator.ncp.radio import StickSpec, VirtualRadio
from emulator.ncp.serve import Listeners, Server
from emulator.units import MILLISECOND
from tests.ncp.hosts import (
    Radio,
    Setting,
    Shouter,
    Terminal,
    any_port,
    dial,
    hang_up,
    needs_pty,
    run,
    soon,
)

RST = b"\x1a" + AshFrame(kind=Kind.RST).encode()
RSTACK = AshFrame(kind=Kind.RSTACK, code=SOFTWARE).encode()


@needs_pty
def test_one_line_that_fails_closes_the_others(tmp_path: Path) -> None:
    async def body() -> None:
        radio: Any = Radio()
        radio.sticks["other"] = Shouter()
        lines = {"it": PtyLine(tmp_path / "stick"), "other": PtyLine(tmp_path / "none" / "stick")}
        with pytest.raises(LinkError):
            await Server(radio, lines, Listeners(visit=lambda *_: None)).open()

    run(body())
    assert list(tmp_path.iterdir()) == []


def test_the_radio_is_run_when_it_asks_and_not_else() -> None:
    async def body() -> None:
        radio = Radio()
        radio.deadlines = [20 * MILLISECOND, 40 * MILLISECOND]
        async with Setting(any_port(), radio) as it:
            await it.until(lambda: not radio.deadlines)
            assert [due for due, _ in radio.kept] == [20 * MILLISECOND, 40 * MILLISECOND]
            assert all(due <= now for due, now in radio.kept)
            assert radio.runs <= 3 * 2  # before and after each moment: the start, two alarms
            assert it.server._alarm is None  # and now it sleeps for good

    run(body())


def test_a_fault_of_ours_ends_the_server() -> None:
    async def body() -> None:
        setting = Setting(any_port())
        await setting.server.open()
        _, writer = await dial(setting)
        writer.write(b"fall")
        with pytest.raises(RuntimeError, match="fallen"):
            await soon(setting.server.run())
        setting.server.close()
        await hang_up(writer)

    run(body())


# Hosts that err, with a true stick behind the line.


def _true_radio(log: list[str]) -> VirtualRadio:
    return VirtualRadio([StickSpec(name="it")], log=log.append)


@needs_pty
def test_rubbish_on_a_terminal_and_then_a_proper_host(tmp_path: Path) -> None:
    async def body() -> None:
        log: list[str] = []
        async with Setting(PtyLine(tmp_path / "stick"), _true_radio(log)):
            host = Terminal(tmp_path / "stick")
            for octets in (b"\x0a3", bytes(range(256)), b"\x7e\x81\x02\x02\x5e\x80\x7e", b"\x25"):
                host.write(octets)
            host.close()
            host = Terminal(tmp_path / "stick")
            host.write(RST)
            assert await host.read(len(RSTACK)) == RSTACK
            host.close()
            assert len(log) <= 2

    run(body())


def test_a_flood_without_a_reader_and_then_a_proper_host() -> None:
    question = AshFrame(kind=Kind.DATA, payload=bytes.fromhex("00000004")).encode()
    resent = AshFrame(kind=Kind.DATA, resent=True, payload=bytes.fromhex("00000004")).encode()

    async def body() -> None:
        log: list[str] = []
        radio = _true_radio(log)
        async with Setting(any_port(), radio) as it:
            _, writer = await dial(it)
            writer.write(RST + question)
            for _ in range(100):
                writer.write(resent * 1000)
                await soon(writer.drain())
            await hang_up(writer)
            reader, writer = await dial(it)
            writer.write(RST)
            found = await soon(reader.readuntil(RSTACK[-3:]))
            assert RSTACK in found
            writer.write(question)
            answer = await soon(reader.readuntil(b"\x7e"))
            (frame,) = Deframer().feed(answer)
            assert isinstance(frame, AshFrame)
            assert frame.payload[:4] == bytes.fromhex("0080000d")  # version 13
            await hang_up(writer)
            assert len(log) < RESERVE

    run(body())


def test_the_hint_is_what_a_host_on_tcp_waits_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp, "HINT_AFTER_S", 0.001)

    async def body() -> None:
        async with Setting(any_port(), _true_radio([])) as it:
            reader, writer = await dial(it)
            hint = AshFrame(kind=Kind.RSTACK, code=POWER_ON).encode()
            assert await soon(reader.readexactly(len(hint))) == hint
            await hang_up(writer)

    run(body())
