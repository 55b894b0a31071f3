"""Read a trace back: who spoke, what was said, what happened, one bench after the other."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emulator.units import MILLISECOND, SECOND, Octets, Us
from emulator.wire.aps import FIRST_BROADCAST

#: Whom a broadcast is for.
EVERYBODY = "everybody"
#: What a fault made of the datagram before it.
_FATES = {
    "DropFrame": "lost",
    "DropBurst": "lost",
    "OneWay": "lost",
    "DuplicateFrame": "arrives twice",
    "DelayFrame": "arrives late",
    "ReorderFrame": "arrives out of order",
    "TruncateFrame": "arrives cut short",
    "FlipBit": "arrives with a bit flipped",
}
LOST = "lost"
#: Fields that say little, and those that are put in fewer words where there is no room.
_DULL = frozenset({"control", "sequence", "manufacturer", "image_type", "node_address"})
_WORDS = {
    "file_offset": "offset",
    "file_version": "version",
    "image_size": "size",
    "maximum_data_size": "at most",
    "current_time_s": "now",
    "upgrade_time_s": "upgrade at",
    "request_time_s": "again at",
    "query_jitter": "jitter",
    "input_clusters": "clusters",
}
#: Most fields of a short text, most characters of it, and most octets that it shows.
_MOST_FIELDS, _LONGEST, _MOST_OCTETS = 3, 58, 8
_as_text = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


@dataclass(slots=True, kw_only=True)
class Message:
    """Be one datagram: ``short`` is what it says in few words, ``fields`` in all."""

    number: int
    at: Us
    sender: str
    receiver: str
    name: str
    short: str
    fields: str
    octets: str
    values: Mapping[str, Any]
    fate: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """Be something that happened beside the air; ``kind`` is how the trace calls it."""

    at: Us
    who: str
    kind: str
    text: str


@dataclass(slots=True, kw_only=True)
class Exchange:
    """Be what one bench saw; ``names`` are those who spoke or of whom something is said."""

    moments: list[Message | Remark] = field(default_factory=list)
    names: list[str] = field(default_factory=list)

    @property
    def messages(self) -> list[Message]:
        """Return the datagrams."""
        return [one for one in self.moments if isinstance(one, Message)]

    @property
    def ended(self) -> Us:
        """Return when the last thing happened."""
        return max((one.at for one in self.moments), default=0)


def read(path: Path) -> tuple[Exchange, ...]:
    """Return the benches of a trace, in order.

    Raises:
        OSError: It cannot be read.
        ValueError: It is no trace of ours.
    """
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    try:
        return tuple(_exchange(rows) for rows in _benches(rows))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path.name}: found {type(error).__name__} {error}, wanted a trace"
        ) from None


def _benches(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Yield the rows of each bench: time starts anew with a bench."""
    made: list[dict[str, Any]] = []
    for row in rows:
        if made and row["t_us"] < made[-1]["t_us"]:
            yield made
            made = []
        made.append(row)
    if made:
        yield made


def _exchange(rows: list[dict[str, Any]]) -> Exchange:
    at_address: dict[int, str] = {}
    for row in rows:
        if row["what"] == "send":
            at_address.setdefault(row["from"], row["who"])
    made, number = Exchange(), 0
    names = dict.fromkeys(row["who"] for row in rows if row["what"] == "send")
    for row in rows:
        if row["what"] == "send":
            number += 1
            made.moments.append(_message(row, number, at_address))
        elif not _is_fate(row, made.moments):
            made.moments.append(_remark(row))
    names |= dict.fromkeys(
        one.receiver for one in made.messages if one.receiver not in (EVERYBODY, *names)
    )
    made.names = list(names)
    return made


def _message(row: dict[str, Any], number: int, at_address: Mapping[int, str]) -> Message:
    to, values = row["to"], row.get("fields", {})
    cluster = f"cluster {row['cluster']:#06x}, profile {row['profile']:#06x}"
    return Message(
        number=number,
        at=row["t_us"],
        sender=row["who"],
        receiver=EVERYBODY if to >= FIRST_BROADCAST else at_address.get(to, f"{to:#06x}"),
        name=row.get("frame", f"frame of {cluster}"),
        short=_short(values),
        fields=", ".join(f"{name} {_said(name, value)}" for name, value in values.items()),
        octets=row["octets"],
        values=values,
    )


def _is_fate(row: dict[str, Any], moments: list[Message | Remark]) -> bool:
    """Tell whether a row says what became of the datagram before it, and note that there."""
    last = moments[-1] if moments else None
    if row["what"] != "fault" or not isinstance(last, Message) or last.at != row["t_us"]:
        return False
    fate = _FATES.get(row["fault"], row["fault"])
    last.fate = f"{last.fate}, {fate}" if last.fate else fate
    return True


def _remark(row: dict[str, Any]) -> Remark:
    dull = {"t_us", "who", "what", "report", "fault", "text"}
    said = [str(row[name]) for name in ("report", "fault", "text") if name in row]
    more = [f"{name} {_said(name, value)}" for name, value in row.items() if name not in dull]
    text = ", ".join([*said, *more])
    return Remark(at=row["t_us"], who=row["who"], kind=row["what"], text=text or str(row["what"]))


def _short(values: Mapping[str, Any]) -> str:
    """Return the fields that tell most, as far as there is room."""
    said = [
        f"{_WORDS.get(name, name)} {_said(name, value)}"
        for name, value in values.items()
        if name not in _DULL
    ]
    if "status" in values:
        said[0] = str(values["status"])
    text = ", ".join(said[:_MOST_FIELDS])
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _said(name: str, value: object) -> str:
    if name in ("file_version", "version") and isinstance(value, int):
        return f"{value:#010x}"
    if name in ("address", "cluster", "profile", "hardware_version") and isinstance(value, int):
        return f"{value:#06x}"
    if name == "eui64" and isinstance(value, int):
        return f"{value:016x}"
    if name.endswith("_us") and isinstance(value, int):
        return shown_time(value)
    if name == "data" and isinstance(value, str):
        octets: Octets = len(value) // 2
        shown = value if octets <= _MOST_OCTETS else f"{value[: 2 * _MOST_OCTETS]}…"
        return f"{octets} octets {shown}".rstrip()
    return value if isinstance(value, str) else _as_text(value)


def shown_time(at: Us) -> str:
    """Return a time for people, in seconds, as exact as it is."""
    if at % MILLISECOND:
        return f"{at / SECOND:.6f} s"
    return f"{at / SECOND:.3f} s"
