"""Put Ctrl-C off until something is done that must not be left half done."""

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager


@contextmanager
def put_off() -> Iterator[None]:
    """Let nobody interrupt what is inside; an interruption that comes meanwhile follows it.

    A stick that is not given back in order would be found in the middle of something.

    Raises:
        KeyboardInterrupt: At the end, if somebody pressed Ctrl-C.
    """
    came: Sequence[int] = ()
    try:
        with noted(signal.SIGINT) as came:
            yield
    finally:
        if came:
            raise KeyboardInterrupt


@contextmanager
def noted(*numbers: int) -> Iterator[Sequence[int]]:
    """Yield the signals that came; what is inside looks at them when it can be left.

    Args:
        numbers: Of the signals; none of them interrupts anything any more.
    """
    came: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield came  # nobody interrupts another thread
        return
    before = {one: signal.signal(one, lambda number, _: came.append(number)) for one in numbers}
    try:
        yield came
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
