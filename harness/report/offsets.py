"""Lay out a chart of the file offset over time: what was asked, asked again, and waited for."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from statistics import median

from emulator.units import SECOND, Octets, Us
from harness.report.exchange import Exchange, Message, shown_time

_ASKS = frozenset({"ImageBlockRequest", "ImagePageRequest"})
_PAGE, _ANSWER = "ImagePageRequest", "ImageBlockResponse"
_SUCCESS, _WAIT = "SUCCESS", "WAIT_FOR_DATA"
#: Fewest points of which a chart says more than words.
_FEWEST = 4
#: A pause that takes more than so many usual steps is drawn shorter than it was.
_LONG = 25
#: Pixels.
_LEFT, _TOP, _WIDE, _HIGH, _BELOW, _RIGHT = 64, 16, 640, 220, 44, 24
#: Most labels on each axis, and least pixels between two of the axis of time.
_LABELS, _ROOM = 6, 84


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Be a place on the chart, with what stands there; ``x2`` where it ends, if it lasts."""

    x: float
    y: float
    x2: float = 0
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offsets:
    """Be the chart, laid out.

    ``lines`` has one for each image, as points of SVG. A point is asked, asked again, or ``paged``:
    the hub sent it as part of a page, and nobody asked for it alone.
    """

    width: int
    height: int
    bottom: int
    right: int
    lines: tuple[str, ...]
    asked: tuple[Mark, ...]
    again: tuple[Mark, ...]
    paged: tuple[Mark, ...]
    waits: tuple[Mark, ...]
    pauses: tuple[Mark, ...]
    times: tuple[Mark, ...]
    heights: tuple[Mark, ...]
    words: str


class _How(Enum):
    """Say why an offset is on the chart."""

    ASKED = "asked"
    AGAIN = "asked again"
    PAGED = "sent of a page"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Point:
    at: Us
    offset: Octets
    image: object
    how: _How


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scale:
    """Say where on the chart a moment and an offset stand."""

    x_of: Mapping[Us, float]
    highest: Octets

    def y_of(self, offset: Octets) -> float:
        return round(_TOP + _HIGH * (1 - offset / self.highest), 1)

    def marks(self, points: Sequence[_Point], how: _How) -> tuple[Mark, ...]:
        return tuple(
            Mark(
                x=self.x_of[one.at],
                y=self.y_of(one.offset),
                text=f"offset {one.offset} {how.value} at {shown_time(one.at)}",
            )
            for one in points
            if one.how is how
        )

    def heights(self) -> tuple[Mark, ...]:
        offsets = sorted({round(self.highest * part / 4) for part in range(5)})
        return tuple(Mark(x=_LEFT, y=self.y_of(one), text=f"{one}") for one in offsets)


def chart_offsets(exchange: Exchange) -> Offsets | None:
    """Return the chart of a bench, None where there was hardly a download."""
    messages = exchange.messages
    points = _points(messages)
    if len(points) < _FEWEST:
        return None
    waits = _waits(messages)
    moments = sorted({one.at for one in points} | {at for wait in waits for at in wait})
    x_of, pauses = _axis(moments)
    scale = _Scale(x_of=x_of, highest=max(one.offset for one in points) or 1)
    right = _LEFT + _WIDE
    return Offsets(
        width=right + _RIGHT,
        height=_TOP + _HIGH + _BELOW,
        bottom=_TOP + _HIGH,
        right=right,
        lines=tuple(
            " ".join(
                f"{scale.x_of[one.at]},{scale.y_of(one.offset)}"
                for one in points
                if one.image == image
            )
            for image in dict.fromkeys(one.image for one in points)
        ),
        asked=scale.marks(points, _How.ASKED),
        again=scale.marks(points, _How.AGAIN),
        paged=scale.marks(points, _How.PAGED),
        waits=tuple(
            Mark(x=x_of[begin], x2=x_of[end], y=_TOP, text=f"waits {shown_time(end - begin)}")
            for begin, end in waits
        ),
        pauses=pauses,
        times=_times(moments, x_of),
        heights=scale.heights(),
        words=_words(points, waits),
    )


def _points(messages: Sequence[Message]) -> list[_Point]:
    """Return what was asked for, and what pages sent; again is what was there before."""
    made: list[_Point] = []
    seen: dict[object, set[Octets]] = {}
    in_pages: set[object] = set()  # the images of which a page was asked for
    awaited: tuple[object, Octets] | None = None  # the block that was asked for alone
    for one in messages:
        if "file_offset" not in one.values or one.name not in (*_ASKS, _ANSWER):
            continue
        offset, client = one.values["file_offset"], one.sender
        if one.name == _ANSWER:
            client = one.receiver
        image = (client, one.values.get("image_type"), one.values.get("file_version"))
        before = seen.setdefault(image, set())
        how = _How.AGAIN if offset in before else _How.ASKED
        if one.name == _ANSWER:
            is_data = one.values.get("status") == _SUCCESS
            if image not in in_pages or awaited == (image, offset) or not is_data:
                continue
            how = _How.PAGED
        elif one.name == _PAGE:
            in_pages.add(image)
            awaited = None
        else:
            awaited = (image, offset)
        made.append(_Point(at=one.at, offset=offset, image=image, how=how))
        if one.name != _PAGE:
            before.add(offset)
    return made


def _waits(messages: Sequence[Message]) -> list[tuple[Us, Us]]:
    """Return from when to when a device was told to wait, and did."""
    made: list[tuple[Us, Us]] = []
    begin: Us | None = None
    for one in messages:
        if begin is None and one.name == _ANSWER and one.values.get("status") == _WAIT:
            begin = one.at
        elif begin is not None and one.name in _ASKS:
            made.append((begin, one.at))
            begin = None
    return made


def _axis(moments: Sequence[Us]) -> tuple[dict[Us, float], tuple[Mark, ...]]:
    """Return where each moment stands, and the pauses that are drawn shorter than they were."""
    steps = [later - earlier for earlier, later in pairwise(moments)]
    usual = median(steps) if steps else 1
    short = [step for step in steps if step <= _LONG * usual]
    longest = max(_LONG * usual, sum(short) / 8)
    total = sum(min(step, longest) for step in steps) or 1
    x_of, at, pauses = {moments[0]: float(_LEFT)}, 0.0, []
    for (earlier, later), step in zip(pairwise(moments), steps, strict=True):
        at += min(step, longest)
        x_of[later] = round(_LEFT + _WIDE * at / total, 1)
        if step > longest:
            text = f"{shown_time(step)}, drawn shorter"
            pauses.append(Mark(x=x_of[earlier], x2=x_of[later], y=_TOP, text=text))
    return x_of, tuple(pauses)


def _times(moments: Sequence[Us], x_of: Mapping[Us, float]) -> tuple[Mark, ...]:
    """Return the labels of the axis of time: moments that were, with room between them."""
    made = [Mark(x=x_of[moments[0]], y=_TOP + _HIGH, text=f"{moments[0] / SECOND:.2f} s")]
    for moment in moments:
        if x_of[moment] - made[-1].x >= max(_ROOM, _WIDE / _LABELS):
            made.append(Mark(x=x_of[moment], y=_TOP + _HIGH, text=f"{moment / SECOND:.2f} s"))
    return tuple(made)


def _words(points: Sequence[_Point], waits: Sequence[tuple[Us, Us]]) -> str:
    counts = Counter(one.how for one in points)
    waited = sum(end - begin for begin, end in waits)
    images = len({one.image for one in points})
    paged = counts[_How.PAGED]
    said = [
        f"{len(points) - paged} requests for {images} {'image' if images == 1 else 'images'}",
        f"{counts[_How.AGAIN]} of an offset that was there before",
        *([f"{paged} blocks of pages"] if paged else []),
        f"{len(waits)} waits" + (f" of {shown_time(waited)} together" if waits else ""),
        f"from {shown_time(points[0].at)} to {shown_time(points[-1].at)}",
    ]
    return "; ".join(said) + "."
