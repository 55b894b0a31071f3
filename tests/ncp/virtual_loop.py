"""Run asyncio in virtual time: a wait is over at once, and the clock says that it was not."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any


class _SkippingSelector(selectors.DefaultSelector):
    """Let time jump instead of waiting for it."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> Any:  # noqa: ANN401 - as its parent
        ready = super().select(0)
        if not ready:
            assert timeout is not None, "everybody waits for ever"
            self.now += max(0.0, timeout)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """Be an event loop in virtual time; it begins at 0 s."""

    def __init__(self) -> None:
        self._skipping = _SkippingSelector()
        super().__init__(self._skipping)

    def time(self) -> float:
        """Return virtual time, in seconds."""
        return self._skipping.now


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a coroutine in a loop of its own."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(main())
