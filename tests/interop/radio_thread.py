"""Run a virtual radio beside a test, in a thread of its own, and reach into its air."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from types import TracebackType

from emulator.ncp.radio import BridgeSpec, StickSpec, VirtualRadio
from emulator.ncp.serve import Listeners, Server
from emulator.ncp.tcp import TcpLine
from emulator.profiles.model import Profile
from harness.firmware import FIRST_VERSION, built, filler

STEP_S = 20


def bridge(
    profile: Profile, name: str = "B1", *, eui64: int | None = None, code: bytes | None = None
) -> BridgeSpec:
    """Return a bridge with the first image of a bench."""
    image = built(profile, filler(256, FIRST_VERSION), FIRST_VERSION)
    return BridgeSpec(
        name=name,
        profile=profile,
        image=image,
        version=FIRST_VERSION,
        eui64=eui64,
        install_code=code,
    )


class RadioThread(AbstractContextManager["RadioThread"]):
    """Serve one stick on a free TCP port until the block ends."""

    def __init__(self, bridges: Sequence[BridgeSpec], seed: int = 0) -> None:
        """Start to listen; another seed is another stick."""
        sticks = [StickSpec(name="radio")]
        self.radio = VirtualRadio(sticks, bridges, seed=seed, log=lambda _: None)
        self._line = TcpLine("127.0.0.1", 0)
        self._server: Server | None = None
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(STEP_S)

    @property
    def link(self) -> str:
        """Return what a bench opens."""
        return f"ezsp:socket://{self._line.where.removeprefix('tcp:')}"

    def call(self, act: Callable[[], object]) -> None:
        """Do something with the radio, in its own thread."""
        done = threading.Event()

        def once() -> None:
            act()
            done.set()

        self._loop.call_soon_threadsafe(once)
        assert done.wait(STEP_S)

    def stop(self) -> None:
        """Close the line, as if the stick was pulled out."""
        if self._thread.is_alive():
            assert self._server is not None
            self._loop.call_soon_threadsafe(self._server.stop)
            self._thread.join(STEP_S)
        assert not self._thread.is_alive()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it."""
        self.stop()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        listeners = Listeners(visit=lambda *_: None)
        self._server = server = Server(self.radio, {"radio": self._line}, listeners)
        await server.open()
        self._ready.set()
        try:
            await server.run()
        finally:
            server.close()
