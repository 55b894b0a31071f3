"""Spread work over processes that leave Ctrl-C to the one that began them, and end with it."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

T = TypeVar("T")
U = TypeVar("U")


class Spread(Protocol):
    """Map a function over values, in their order."""

    def __call__(self, do: Callable[[T], U], values: Iterable[T], /) -> Iterator[U]: ...


@contextmanager
def processes(workers: int) -> Iterator[Spread]:
    """Yield what maps a function over values, in order: in this process, or in others."""
    if workers == 1:
        yield map
        return
    pool = multiprocessing.get_context().Pool(workers, _begin_worker)
    try:
        yield pool.imap
    finally:
        pool.terminate()
        pool.join()


def _begin_worker() -> None:
    """Let the main process alone answer Ctrl-C, and end with it however it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
