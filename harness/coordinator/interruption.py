"""Put Ctrl-C off until something is done that must not be left half done."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def put_off() -> Iterator[None]:
    """Let nobody interrupt what is inside; an interruption that comes meanwhile follows it.

    A stick that is not given back in order would be found in the middle of something.

    Raises:
        KeyboardInterrupt: At the end, if somebody pressed Ctrl-C.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # nobody interrupts another thread
        return
    came: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if came:
            raise KeyboardInterrupt
