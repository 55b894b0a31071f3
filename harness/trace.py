"""Write down what a world sees: one JSON object a line, the ground truth of every report.

On the way of a block the trace only keeps references; frames are named and written as JSON when the
trace is read.
"""

import json
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, NamedTuple

from emulator.actions import Content, Report, Tunnel
from emulator.errors import WireError
from emulator.units import Us
from emulator.wire import ota, zcl, zdo
from emulator.wire.aps import ZDO_PROFILE, Datagram
from emulator.wire.codec import COMMANDS, CommandKey, Frame

#: Made once: json.dumps would make an encoder for each row.
_as_text = json.JSONEncoder(separators=(",", ":")).encode


class Row(NamedTuple):
    """Be one thing that happened."""

    at: Us
    who: str
    what: str
    subject: object


class Trace:
    """Collect rows; call it to add one."""

    def __init__(self) -> None:
        self.rows: list[tuple[Us, str, str, object]] = []

    def __call__(self, now: Us, who: str, what: str, subject: object) -> None:
        """Add a row."""
        self.rows.append((now, who, what, subject))

    def datagrams(self) -> Iterator[tuple[Us, str, Datagram]]:
        """Yield every datagram that was sent, with time and sender."""
        for at, who, what, subject in self.rows:
            if what == "send" and isinstance(subject, Datagram):
                yield at, who, subject

    def lines(self) -> Iterator[str]:
        """Yield the trace as JSON lines, in order; the same world gives the same octets."""
        for row in self.rows:
            yield _as_text(as_object(Row(*row)))


def as_object(row: Row) -> dict[str, Any]:
    """Return a row as a JSON object: ``t_us``, ``who``, ``what``, and the fields of its subject."""
    made: dict[str, Any] = {"t_us": row.at, "who": row.who, "what": row.what}
    subject = row.subject
    if isinstance(subject, Datagram):
        made |= datagram_object(subject)
    elif isinstance(subject, Tunnel):
        made |= {"eui64": subject.eui64, "protocol": subject.protocol} | _content(subject.content)
    elif isinstance(subject, Report):
        made |= {"report": str(subject.what), **dict(subject.details)}
    elif is_dataclass(subject) and not isinstance(subject, type):
        made |= ({"fault": type(subject).__name__} if row.what == "fault" else {}) | plain(subject)
    elif subject:
        made["text"] = str(subject)
    return made


def _content(content: Content) -> dict[str, Any]:
    """Return what goes through a link as a JSON object: what it is, and its fields or octets."""
    made: dict[str, Any] = {"content": type(content).__name__}
    if not isinstance(content, Datagram):
        made |= plain(content)
        return made
    told = {"from": content.source, "to": content.destination, "aps": content.aps_counter}
    return made | told | {"octets": content.payload.hex(), "frame": name_of(content)}


def datagram_object(datagram: Datagram) -> dict[str, Any]:
    """Return a datagram as a JSON object: addresses, octets, and what they say if known."""
    made: dict[str, Any] = {
        "from": datagram.source,
        "to": datagram.destination,
        "endpoints": [datagram.source_endpoint, datagram.destination_endpoint],
        "profile": datagram.profile,
        "cluster": datagram.cluster,
        "options": datagram.options,
        "aps": datagram.aps_counter,
        "key": datagram.key_id,
        "counter": datagram.frame_counter,
        "octets": datagram.payload.hex(),
    }
    frame = dissect(datagram)
    if frame is not None:
        made["frame"] = type(frame).__name__
        made["fields"] = plain(frame)
    return made


def dissect(datagram: Datagram) -> Frame | None:
    """Return the ZDO or ZCL frame that a datagram carries, None if it cannot be read."""
    kind: type[Frame] | None
    try:
        if datagram.profile == ZDO_PROFILE:
            kind = zdo.COMMANDS_BY_CLUSTER.get(datagram.cluster)
            return None if kind is None else kind.decode_at(datagram.payload, 0)[0]
        header = zcl.split(datagram.payload)
        if header.manufacturer is not None:
            return None
        if header.control & zcl.FRAME_TYPE_MASK == zcl.FrameType.GENERAL:
            kind = zcl.GENERAL.get(header.command)
        else:
            to_server = not header.control & zcl.FROM_SERVER
            kind = COMMANDS.get(CommandKey(datagram.cluster, to_server, header.command))
        return None if kind is None else kind.decode_at(datagram.payload, header.offset)[0]
    except WireError:
        return None


def name_of(datagram: Datagram) -> str:
    """Return a short name of what a datagram carries, for people."""
    frame = dissect(datagram)
    if frame is not None:
        return type(frame).__name__
    if datagram.cluster == ota.CLUSTER:
        return f"unreadable OTA frame {datagram.payload[:16].hex()}"
    return f"frame of cluster {datagram.cluster:#06x}"


def plain(value: object) -> Any:  # noqa: ANN401 - JSON has no narrower type
    """Return a value as JSON can hold it: enums by name, octets as hex, no absent fields."""
    if is_dataclass(value) and not isinstance(value, type):
        pairs = ((one.name, getattr(value, one.name)) for one in fields(value))
        return {name: plain(item) for name, item in pairs if item is not None}
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    return value
