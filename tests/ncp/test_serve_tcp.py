"""TCP: hosts that come, wait, are replaced; ports that are not to be had."""

import asyncio
import socket

import pytest

from emulator.errors import LinkError
from emulator.ncp import tcp
from emulator.ncp.tcp import TcpLine
from tests.ncp.hosts import Setting, any_port, dial, hang_up, run, soon


def test_a_host_on_tcp(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp, "HINT_AFTER_S", 1000)

    async def body() -> None:
        async with Setting(any_port()) as it:
            for _ in range(2):
                reader, writer = await dial(it)
                writer.write(b"hello")
                assert await soon(reader.readexactly(5)) == b"HELLO"
                await hang_up(writer)
                await it.until(lambda: it.radio.stick.calls[-1] == "detach")
            assert it.radio.stick.calls == ["attach", "receive", "detach"] * 2
            assert not it.line.where.endswith(":0")

    run(body())


def test_a_host_that_waits_is_told_that_the_stick_has_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tcp, "HINT_AFTER_S", 0.001)

    async def body() -> None:
        async with Setting(any_port()) as it:
            reader, writer = await dial(it)
            assert await soon(reader.readexactly(5)) == b"HELLO"
            assert it.radio.stick.calls == ["attach", "greet"]
            await hang_up(writer)

    run(body())


def test_a_host_that_speaks_first_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp, "HINT_AFTER_S", 1000)

    async def body() -> None:
        async with Setting(line := any_port()) as it:
            reader, writer = await dial(it)
            writer.write(b"a")
            assert await soon(reader.readexactly(1)) == b"A"
            client, end = line._client, line._end
            assert client is not None
            assert end is not None
            line._hint(client, end)  # the moment has come
            assert it.radio.stick.calls == ["attach", "receive"]
            await hang_up(writer)

    run(body())


def test_a_new_host_takes_the_place_of_an_old_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp, "HINT_AFTER_S", 1000)

    async def body() -> None:
        async with Setting(any_port()) as it:
            first, first_writer = await dial(it)
            first_writer.write(b"a")
            assert await soon(first.readexactly(1)) == b"A"
            second, second_writer = await dial(it)
            second_writer.write(b"b")
            assert await soon(second.readexactly(1)) == b"B"
            with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
                await soon(first.readexactly(1))
            assert it.radio.stick.calls == ["attach", "receive", "detach", "attach", "receive"]
            await hang_up(first_writer)
            second_writer.write(b"c")  # the end of the first did it no harm
            assert await soon(second.readexactly(1)) == b"C"
            await hang_up(second_writer)

    run(body())


def test_small_writes_are_not_held_back() -> None:
    async def body() -> None:
        async with Setting(line := any_port()) as it:
            _, writer = await dial(it)
            await it.until(lambda: it.radio.stick.calls == ["attach"])
            assert line._client is not None
            raw = line._client.transport.get_extra_info("socket")
            assert raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            await hang_up(writer)

    run(body())


@pytest.mark.parametrize(
    ("host", "port", "why"),
    [
        ("127.0.0.1", None, "Address already in use"),
        ("192.0.2.1", 0, "Cannot assign requested address"),  # TEST-NET-1 is nobody's
    ],
)
def test_a_port_that_is_not_to_be_had(host: str, port: int | None, why: str) -> None:
    async def body() -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            number = taken.getsockname()[1] if port is None else port
            with pytest.raises(LinkError, match=rf"^tcp:{host}:{number}: {why}$"):
                await Setting(TcpLine(host, number)).server.open()

    run(body())
