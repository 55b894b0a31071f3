"""Pseudo terminals: hosts that come and go, and what may stand at the path."""

import fcntl
import termios
from collections.abc import Callable
from pathlib import Path

import pytest

from emulator.errors import LinkError
from emulator.ncp.pty import PtyLine
from emulator.ncp.serve import Visit
from tests.ncp.hosts import Setting, Terminal, needs_pty, run

pytestmark = needs_pty


def test_a_host_comes_talks_and_goes_and_another_comes(tmp_path: Path) -> None:
    async def body() -> None:
        async with Setting(PtyLine(tmp_path / "stick")) as it:
            for _ in range(2):
                host = Terminal(tmp_path / "stick")
                host.write(b"hello")
                assert await host.read(5) == b"HELLO"
                host.close()
                await it.until(lambda: it.radio.stick.calls[-1] == "detach")
            assert it.radio.stick.calls == ["attach", "receive", "detach"] * 2
            assert it.visits == [Visit.ATTACHED, Visit.DETACHED] * 2
            assert it.octets == [(True, b"hello"), (False, b"HELLO")] * 2
            assert it.line.where == f"pty:{tmp_path / 'stick'}"

    run(body())
    assert list(tmp_path.iterdir()) == []


def test_what_a_host_left_unread_is_not_for_the_next(tmp_path: Path) -> None:
    async def body() -> None:
        async with Setting(PtyLine(tmp_path / "stick")) as it:
            host = Terminal(tmp_path / "stick")
            host.write(b"unread")
            await it.until(lambda: (False, b"UNREAD") in it.octets)
            host.close()
            await it.until(lambda: it.radio.stick.calls[-1] == "detach")
            host = Terminal(tmp_path / "stick")
            host.write(b"a")
            assert await host.read(1) == b"A"
            host.close()

    run(body())


def test_a_terminal_is_raw_for_those_who_do_not_ask_for_it(tmp_path: Path) -> None:
    async def body() -> None:
        async with Setting(PtyLine(tmp_path / "stick")):
            for _ in range(2):
                host = Terminal(tmp_path / "stick")
                flags = termios.tcgetattr(host.descriptor)[3]
                host.close()
                assert not flags & (termios.ECHO | termios.ICANON | termios.ISIG)

    run(body())


def test_a_stale_link_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "stick"
    path.symlink_to("/dev/pts/4000000")

    async def body() -> None:
        async with Setting(PtyLine(path)):
            host = Terminal(path)
            host.write(b"a")
            assert await host.read(1) == b"A"
            host.close()

    run(body())
    assert list(tmp_path.iterdir()) == []


def _file(path: Path) -> None:
    path.write_text("mine")


def _link(path: Path) -> None:
    path.symlink_to("elsewhere")


def _directory(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize(
    ("make", "found"),
    [
        (_file, "found a file, wanted nothing there"),
        (_directory, "found a file, wanted nothing there"),
        (_link, "found a link to elsewhere, wanted nothing there"),
    ],
)
def test_what_is_not_ours_is_left_alone(
    tmp_path: Path, make: Callable[[Path], None], found: str
) -> None:
    path = tmp_path / "stick"
    make(path)
    before = path.lstat()

    async def body() -> None:
        with pytest.raises(LinkError, match=found):
            await Setting(PtyLine(path)).server.open()

    run(body())
    assert path.lstat() == before


def test_a_link_in_use_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "stick"

    async def body() -> None:
        async with Setting(PtyLine(path)):
            target = path.readlink()
            with pytest.raises(LinkError, match=f"found a link to {target}, which is in use"):
                await Setting(PtyLine(path)).server.open()
            assert path.readlink() == target

    run(body())


def test_no_place_for_the_link(tmp_path: Path) -> None:
    async def body() -> None:
        for path, why in (
            (tmp_path / "none" / "stick", "No such file or directory"),
            (tmp_path / "file" / "stick", "Not a directory"),
        ):
            with pytest.raises(LinkError, match=rf"^pty:{path}: {why}$"):
                await Setting(PtyLine(path)).server.open()

    (tmp_path / "file").write_text("")
    run(body())


def test_a_link_that_somebody_took_over_stays(tmp_path: Path) -> None:
    path = tmp_path / "stick"

    async def body() -> None:
        async with Setting(PtyLine(path)):
            path.unlink()
            path.symlink_to("elsewhere")

    run(body())
    assert str(path.readlink()) == "elsewhere"


def test_a_link_that_somebody_took_away_is_not_missed(tmp_path: Path) -> None:
    async def body() -> None:
        async with Setting(PtyLine(tmp_path / "stick")):
            (tmp_path / "stick").unlink()

    run(body())
    assert list(tmp_path.iterdir()) == []


def test_a_host_that_took_the_terminal_for_itself_does_not_lock_out_the_next(
    tmp_path: Path,
) -> None:
    async def body() -> None:
        async with Setting(PtyLine(tmp_path / "stick")) as it:
            host = Terminal(tmp_path / "stick")
            fcntl.ioctl(host.descriptor, termios.TIOCEXCL)
            host.write(b"a")
            assert await host.read(1) == b"A"
            host.close()
            await it.until(lambda: it.radio.stick.calls[-1] == "detach")
            host = Terminal(tmp_path / "stick")
            assert not any(fcntl.ioctl(host.descriptor, 0x80045440, bytes(4)))  # TIOCGEXCL
            host.write(b"b")
            assert await host.read(1) == b"B"
            host.close()

    run(body())
    assert list(tmp_path.iterdir()) == []


def test_what_a_slow_reader_does_not_take_stays_in_the_stick(tmp_path: Path) -> None:
    async def body() -> None:
        async with Setting(PtyLine(tmp_path / "stick")) as it:
            host = Terminal(tmp_path / "stick")
            stick, sent = it.radio.stick, [b""]

            async def send(octets: bytes) -> None:
                host.write(octets)
                sent.append(octets)
                await it.until(lambda: _from_host(it) == b"".join(sent))

            while not it.line.blocked:  # the kernel's buffers fill
                await send(b"a" * 1000)
            for _ in range(50):
                await send(b"b" * 1000)
            assert len(stick.out) >= 50_000  # it was not asked to hand it out
            assert await host.read(len(b"".join(sent))) == b"".join(sent).upper()
            assert not it.line.blocked
            host.close()

    run(body())


def _from_host(it: Setting) -> bytes:
    return b"".join(octets for mine, octets in it.octets if mine)
