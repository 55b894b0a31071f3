"""Read and write EZSP frames, as the stick that a host talks to.

A frame is ``sequence, frame control, id, fields``. Only the version command may come in the legacy
form, with one octet of frame control and of id; that form is accepted at any time, since a host
that lost its bearings starts over with it. Everything else has the extended form, two octets each.

Source: UG100, "Protocol format"; Silicon Labs AN1010.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from emulator.errors import TruncatedError, WireError
from emulator.ncp.commands import COMMANDS, Command, spoken
from emulator.ncp.fields import Layout, parse
from emulator.ncp.statuses import Status
from emulator.wire.codec import value

#: Octets of the longest frame that a stick takes.
LONGEST: Final = 220

_RESPONSE: Final = 0x80  # frame control, low octet: from the stick
_ASYNCHRONOUS: Final = 0x10  # a callback that nobody asked for (bits 3 and 4 are 2)
_EXTENDED: Final = 0x01  # frame control, high octet: frame format version 1
_VERSION: Final = "version"
_INVALID: Final = "invalidCommand"


@value
class Request:
    """Be a command that a host sent; ``values`` has its fields by the table's names."""

    sequence: int
    name: str
    values: Mapping[str, Any]
    legacy: bool = False
    extra: int = 0  # octets behind the last field, which nobody reads


class EzspError(WireError):
    """A frame is no command that this version has.

    ``request`` says whom to answer, and in which form; ``reason`` what to tell him.
    """

    def __init__(self, message: str, request: Request, reason: Status) -> None:
        super().__init__(message)
        self.request, self.reason = request, reason


class _Form:
    """Hold one command of one version, ready to read and write."""

    __slots__ = ("id", "known", "name", "request", "response")

    def __init__(self, row: Command, version: int) -> None:
        self.name = row.name
        self.id = bytes((row.id & 0xFF, row.id >> 8))
        self.request = None if row.request is None else Layout(row.name, row.request, version)
        self.response = Layout(row.name, row.response, version)
        # The fields that the answer has in any version.
        rows = [each for each in COMMANDS if each.name == row.name]
        self.known = frozenset(one.name for each in rows for one in parse(each.response))


@cache
def _forms(version: int) -> dict[str, _Form]:
    return {name: _Form(row, version) for name, row in spoken(version).items()}


class Dialect:
    """Speak one version of the protocol, and know whether the host has agreed to it."""

    def __init__(self, version: int) -> None:
        """Compile the table for one version.

        Raises:
            ValueError: Nobody speaks that version.
        """
        self.version = version
        self.negotiated = False
        self._forms = _forms(version)
        self._commands = {form.id: form for form in self._forms.values() if form.request}

    def reset(self) -> None:
        """Forget that a version was agreed on, as after a reset of the link."""
        self.negotiated = False

    def decode(self, payload: bytes) -> Request:
        """Read one frame of the host.

        Octets behind the last field are counted and left alone, as the firmware does.

        Args:
            payload: The frame; a version command of any form sets ``negotiated``.

        Raises:
            EzspError: The frame is to be answered with ``invalid``, for its ``reason``.
        """
        if len(payload) < 3:
            raise self._error(payload, f"frame: need 3 octets, have {len(payload)}", "TRUNCATED")
        if len(payload) > LONGEST:
            message = f"frame: found {len(payload)} octets, wanted at most {LONGEST}"
            raise self._error(payload, message, "COMMAND_TOO_LONG")
        if payload[1] & _RESPONSE:
            message = f"frame control: found 0x{payload[1]:02X}, wanted a command"
            raise self._error(payload, message, "WRONG_DIRECTION")
        form, start = self._form(payload)
        if not self.negotiated and form.name != _VERSION:
            raise self._error(payload, f"{form.name}: no version agreed on yet", "VERSION_NOT_SET")
        assert form.request is not None
        try:
            values, end = form.request.decode(payload, start)
        except TruncatedError as error:
            raise self._error(payload, str(error), "TRUNCATED") from error
        if form.name == _VERSION:
            self.negotiated = values["desired_version"] == self.version
        return Request(
            sequence=payload[0],
            name=form.name,
            values=values,
            legacy=payload[2] != _EXTENDED,
            extra=len(payload) - end,
        )

    def _form(self, payload: bytes) -> tuple[_Form, int]:
        """Return the command of a frame, and the offset of its fields."""
        if payload[2] == _EXTENDED:
            if len(payload) < 5:
                message = f"frame: need 5 octets, have {len(payload)}"
                raise self._error(payload, message, "TRUNCATED")
            form, start = self._commands.get(payload[3:5]), 5
            found = payload[4] << 8 | payload[3]
        else:
            found, start = payload[2], 3
            form = None if found else self._forms[_VERSION]
        if form is None:
            reason = "INVALID_FRAME_ID" if self.negotiated else "VERSION_NOT_SET"
            message = f"frame id: found 0x{found:04X}, which EZSP {self.version} has not"
            raise self._error(payload, message, reason)
        return form, start

    def _error(self, payload: bytes, message: str, reason: str) -> EzspError:
        legacy = payload[2] != _EXTENDED if len(payload) > 2 else not self.negotiated
        sequence = payload[0] if payload else 0
        request = Request(sequence=sequence, name=_INVALID, values={}, legacy=legacy)
        return EzspError(message, request, Status[reason])

    def response(self, request: Request, /, **values: Any) -> bytes:  # noqa: ANN401
        """Return the answer to a command.

        A handler answers for every version at once: a field that only another version has is left
        out. With a ``status`` other than OK, fields that are not given are zero.

        Raises:
            ValueError: A value is missing, of the wrong kind, or no version knows it.
        """
        form = self._forms[request.name]
        if unknown := values.keys() - form.known:
            raise ValueError(f"{request.name}: found {sorted(unknown)}, which no version has")
        if values.get("status", Status.OK) is not Status.OK:
            values = form.response.filled(values)
        fields = form.response.encode(values)
        if request.legacy:
            return bytes((request.sequence, _RESPONSE, form.id[0])) + fields
        return bytes((request.sequence, _RESPONSE, _EXTENDED)) + form.id + fields

    def callback(self, name: str, /, sequence: int, **values: Any) -> bytes:  # noqa: ANN401
        """Return a callback.

        Args:
            name: Its name in the table.
            sequence: That of the last command that was answered; hosts pair answers by it.
            values: Its fields; those that only another version has are left out.

        Raises:
            ValueError: As of ``response``.
        """
        form = self._forms[name]
        if form.request is not None:
            raise ValueError(f"{name}: a command, wanted a callback")
        if unknown := values.keys() - form.known:
            raise ValueError(f"{name}: found {sorted(unknown)}, which no version has")
        head = bytes((sequence, _RESPONSE | _ASYNCHRONOUS, _EXTENDED))
        return head + form.id + form.response.encode(values)

    def invalid(self, request: Request, reason: Status = Status.INVALID_FRAME_ID) -> bytes:
        """Return the answer to what is no command: one octet of reason, or four from 14 on."""
        form = self._forms[_INVALID]
        if request.legacy:
            return bytes((request.sequence, _RESPONSE, form.id[0], reason.ezsp))
        head = bytes((request.sequence, _RESPONSE, _EXTENDED))
        return head + form.id + form.response.encode({"reason": reason})
