"""Lay out the messages of a bench as a sequence chart: a lane a node, a row a moment.

What repeats itself, as the blocks of a download do, is drawn once and counted.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from emulator.units import SECOND
from harness.report.exchange import EVERYBODY, LOST, Exchange, Message, Remark, shown_time

#: Frames of a download; a run of them tells only where it went.
_BLOCKS = frozenset({"ImageBlockRequest", "ImageBlockResponse"})
#: Shortest run that is folded, and how much of it is drawn at each end.
_RUN, _SHOWN = 12, 2
#: Most rows of one chart; the table of frames has all of them.
MOST_ROWS = 400
#: Longest pause that is not said, in microseconds.
_PAUSE_US = SECOND

#: Pixels: of a row of each kind, of the column of times, between lanes, at the head.
_HIGH = {"message": 38, "remark": 24, "pause": 26, "fold": 30, "cut": 30}
_TIMES, _FIRST, _APART, _HEAD, _MARGIN = 92, 150, 400, 44, 70
#: How far an arrow stays from a lane, and where a lost one ends.
_GAP, _LOST_AT = 4, 0.7


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """Be the line of one node."""

    name: str
    x: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Be one row: an arrow from ``x1`` to ``x2``, or a text at ``x1``."""

    kind: str
    y: int
    x1: int = 0
    x2: int = 0
    time: str = ""
    title: str = ""
    text: str = ""
    number: int = 0
    fate: str = ""
    anchor: str = "start"

    @property
    def middle(self) -> int:
        """Return where the text of an arrow stands."""
        return (self.x1 + self.x2) // 2

    @property
    def is_lost(self) -> bool:
        """Tell whether the arrow does not arrive."""
        return LOST in self.fate


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Be a sequence chart, laid out."""

    width: int
    height: int
    lanes: tuple[Lane, ...]
    rows: tuple[Row, ...] = field(default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fold:
    """Be a run of messages that is not drawn."""

    first: Message
    last: Message
    count: int


_Moment = Message | Remark | _Fold


def lay_out(exchange: Exchange) -> Chart | None:
    """Return the chart of a bench, None where nobody said anything."""
    names = sorted(exchange.names, key=lambda name: name != "hub")
    if not names:
        return None
    lanes = tuple(Lane(name=name, x=_FIRST + at * _APART) for at, name in enumerate(names))
    rows: list[Row] = []
    y, before = _HEAD, None
    moments = list(_folded(exchange.moments))
    for moment in moments[:MOST_ROWS]:
        at = moment.first.at if isinstance(moment, _Fold) else moment.at
        if before is not None and at - before > _PAUSE_US:
            text = f"{shown_time(at - before)} pass"
            y = _put(rows, Row(kind="pause", y=y, x1=_middle(lanes), text=text))
        y = _put(rows, _row(moment, y, lanes))
        before = moment.last.at if isinstance(moment, _Fold) else moment.at
    if len(moments) > MOST_ROWS:
        more = len(moments) - MOST_ROWS
        text = f"{more} more rows are not drawn: the table of frames has all"
        y = _put(rows, Row(kind="cut", y=y, x1=_middle(lanes), text=text))
    width = lanes[-1].x + _MARGIN + (_APART // 2 if len(lanes) == 1 else 0)
    return Chart(width=width, height=y + 12, lanes=lanes, rows=tuple(rows))


def _put(rows: list[Row], row: Row) -> int:
    """Add a row, and return where the next one begins."""
    rows.append(row)
    return row.y + _HIGH[row.kind]


def _middle(lanes: Sequence[Lane]) -> int:
    return (lanes[0].x + lanes[-1].x) // 2


def _row(moment: _Moment, y: int, lanes: Sequence[Lane]) -> Row:
    places = {lane.name: lane.x for lane in lanes}
    if isinstance(moment, _Fold):
        passed = shown_time(moment.last.at - moment.first.at)
        text = f"{moment.count} messages like these, in {passed}{_span(moment)}"
        return Row(
            kind="fold",
            y=y,
            x1=_middle(lanes),
            time=shown_time(moment.first.at),
            text=text,
            number=moment.first.number,
        )
    if isinstance(moment, Remark):
        x = places.get(moment.who)
        last = len(lanes) > 1 and x == lanes[-1].x
        return Row(
            kind="remark",
            y=y,
            x1=_middle(lanes) if x is None else x + (-10 if last else 10),
            time=shown_time(moment.at),
            text=_told(moment, is_placed=x is not None),
            anchor="middle" if x is None else ("end" if last else "start"),
        )
    return _arrow(moment, y, places)


def _told(remark: Remark, *, is_placed: bool) -> str:
    """Return what a remark says, with whom it is about where no lane says that."""
    said = f"{remark.kind}: {remark.text}" if remark.text else remark.kind
    return said if is_placed else f"{remark.who}: {said}"


def _arrow(message: Message, y: int, places: dict[str, int]) -> Row:
    x1 = places[message.sender]
    others = [x for x in places.values() if x != x1]
    if message.receiver == EVERYBODY:
        x2 = max(others, key=lambda x: abs(x - x1), default=x1 + _APART // 2)
    else:
        x2 = places[message.receiver]
    step = _GAP if x2 >= x1 else -_GAP
    x1, x2 = x1 + step, x2 - step
    if LOST in message.fate:
        x2 = round(x1 + (x2 - x1) * _LOST_AT)
    return Row(
        kind="message",
        y=y,
        x1=x1,
        x2=x2,
        time=shown_time(message.at),
        title=message.name + (" to everybody" if message.receiver == EVERYBODY else ""),
        text=message.short,
        number=message.number,
        fate=message.fate,
    )


def _span(fold: _Fold) -> str:
    first, last = (one.values.get("file_offset") for one in (fold.first, fold.last))
    return "" if first is None or last is None else f": offset {first} to {last}"


# What repeats itself.


def _folded(moments: Sequence[Message | Remark]) -> Iterator[_Moment]:
    """Yield the moments with one fold in the place of the middle of each long run."""
    at = 0
    while at < len(moments):
        length = _run_length(moments, at)
        if length < _RUN:
            yield moments[at]
            at += 1
            continue
        run = [one for one in moments[at : at + length] if isinstance(one, Message)]
        hidden = run[_SHOWN:-_SHOWN]
        yield from run[:_SHOWN]
        yield _Fold(first=hidden[0], last=hidden[-1], count=len(hidden))
        yield from run[-_SHOWN:]
        at += length


def _run_length(moments: Sequence[Message | Remark], start: int) -> int:
    """Return how many moments from here on repeat one message, or two that take turns."""
    return max(_repeats(moments, start, 1), _repeats(moments, start, 2))


def _repeats(moments: Sequence[Message | Remark], start: int, period: int) -> int:
    end = start
    while end < len(moments):
        this = moments[end]
        if not isinstance(this, Message) or this.fate:
            break
        if end - start >= period and not _follows(moments[end - period], this):
            break
        end += 1
    return end - start if end - start >= 2 * period else 0


def _follows(before: Message | Remark, this: Message) -> bool:
    """Tell whether a message says what one before it said; a block goes on where that was."""
    if not isinstance(before, Message):
        return False
    if (before.sender, before.receiver, before.name) != (this.sender, this.receiver, this.name):
        return False
    if this.name not in _BLOCKS:
        return before.short == this.short
    offsets = before.values.get("file_offset"), this.values.get("file_offset")
    rises = None not in offsets and offsets[0] < offsets[1]  # type: ignore[operator]  # not None
    same = all(
        before.values.get(name) == this.values.get(name) for name in ("status", "file_version")
    )
    return same and rises
