"""Serve a device over lines of JSON: the program's side of the ``exec:`` protocol.

One request a line, one reply a line; docs/guides/exec.md is its description, and
``harness/lanes/exec.schema.json`` its schema. Nothing here reads a clock: ``now_us`` is given.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, BinaryIO, TypeAlias

from emulator.actions import Action
from emulator.contract import Capability, Identity
from emulator.device.bridge import Bridge
from emulator.device.probe import Probe
from emulator.errors import BootError, HanoverError, LinkError, PowerLost
from emulator.faults import CutKind, CutPower, WornSector
from emulator.link.chance import stream
from emulator.link.json_form import from_json, shown, to_json
from emulator.profiles.load import overlay, plain
from emulator.profiles.model import Profile
from emulator.units import Us
from emulator.wire.aps import Datagram

#: The version of the protocol.
PROTOCOL = 1

#: What a program may say in its hello that it can do.
OPTIONAL = (
    Capability.EVENTS,
    Capability.FRAME_COUNTERS,
    Capability.PROBE,
    Capability.SETTINGS,
    Capability.TRAITS,
    Capability.WEAR,
)

Fields: TypeAlias = dict[str, Any]


class Servant:
    """Answer the requests of a harness for one emulated bridge."""

    def __init__(self, profile: Profile, version: str = "") -> None:
        """Make a program's side.

        Args:
            profile: What the bridge is, until a ``factory`` brings other settings.
            version: Of this program, for its hello.
        """
        self._stock, self._version = profile, version
        self._bridge: Bridge | None = None
        self._bridges: dict[str, Profile] = {}  # by their settings, as text
        self.done = False
        self._calls: Mapping[str, Callable[[Fields], Fields]] = {
            "hello": self._hello,
            "factory": self._factory,
            "power_on": lambda request: self._act(self._made().power_on(_now(request))),
            "power_off": self._power_off,
            "receive": self._receive,
            "wake": lambda request: self._act(self._made().wake(_now(request))),
            "event": self._event,
            "operations": lambda request: self._plain(operations=self._probe().count),
            "cut_at": self._cut_at,
            "damage": self._damage,
            "wear": self._wear,
            "bye": self._bye,
        }

    def answer(self, line: bytes) -> bytes:
        """Return the reply to one line, a line too."""
        number: object = None
        try:
            request = _read(line)
            number = request.get("id")
            call = self._calls.get(str(request.get("call")))
            if call is None:
                known = ", ".join(self._calls)
                raise LinkError(f"call: found {shown(request.get('call'))}, wanted one of {known}")
            reply = self._perform(call, request)
        except (HanoverError, ValueError, RuntimeError) as error:
            reply = {"error": str(error)}
        return json.dumps({"id": number, **reply}, separators=(",", ":")).encode() + b"\n"

    def _perform(self, call: Callable[[Fields], Fields], request: Fields) -> Fields:
        """Do what is asked; the supply may fail meanwhile, or no image may boot."""
        try:
            reply = call(request)
        except PowerLost:
            return {"actions": [], "deadline_us": None, "power_lost": True}
        except BootError as error:
            return {"actions": [], "deadline_us": None, "dead": str(error)}
        deadline = reply["deadline_us"]
        if deadline is not None and "now_us" in request:
            reply["deadline_us"] = max(deadline, _now(request))
        return reply

    def _made(self) -> Bridge:
        if self._bridge is None:
            raise LinkError("found a call before factory, wanted factory first")
        return self._bridge

    def _probe(self) -> Probe:
        return Probe(self._made())

    def _plain(self, **more: object) -> Fields:
        deadline = None if self._bridge is None else self._bridge.deadline
        return {"actions": [], "deadline_us": deadline, **more}

    def _act(self, actions: Sequence[Action]) -> Fields:
        return {**self._plain(), "actions": [to_json(each) for each in actions]}

    def _hello(self, request: Fields) -> Fields:
        if request.get("protocol") != PROTOCOL:
            found = shown(request.get("protocol"))
            raise LinkError(f"protocol: found {found}, wanted {PROTOCOL}")
        name = f"Hanover {self._version}".rstrip() + f", profile {self._stock.name}"
        return self._plain(
            protocol=PROTOCOL, name=name, capabilities=[str(one) for one in OPTIONAL]
        )

    def _factory(self, request: Fields) -> Fields:
        profile = self._fitted(request.get("settings"))
        bridge = Bridge(profile, stream)
        identity = from_json(_field(request, "identity", dict))
        if not isinstance(identity, Identity):
            raise LinkError(f"identity: found {type(identity).__name__}, wanted Identity")
        image = bytes.fromhex(_field(request, "image", str))
        seed = int(_field(request, "seed", str), 16)
        bridge.factory(identity, image, _field(request, "version", int), seed)
        self._bridge = bridge
        return self._plain()

    def _fitted(self, settings: object) -> Profile:
        """Return the profile of the device that a factory is to make."""
        if settings is None:
            return self._stock
        if not isinstance(settings, dict):
            raise LinkError(f"settings: found {shown(settings)}, wanted a profile")
        key = json.dumps(settings, sort_keys=True)
        made = self._bridges.get(key)
        if made is None:
            gone = dict.fromkeys(name for name in plain(self._stock) if name not in settings)
            made = self._bridges[key] = overlay(self._stock, {**gone, **settings})
        return made

    def _power_off(self, request: Fields) -> Fields:
        self._made().power_off(_now(request))
        return self._plain()

    def _receive(self, request: Fields) -> Fields:
        datagram = from_json(_field(request, "datagram", dict))
        if not isinstance(datagram, Datagram):
            raise LinkError(f"datagram: found {type(datagram).__name__}, wanted Datagram")
        return self._act(self._made().receive(datagram, _now(request)))

    def _event(self, request: Fields) -> Fields:
        what = from_json(_field(request, "event", dict))
        return self._act(self._made().event(what, _now(request)))

    def _cut_at(self, request: Fields) -> Fields:
        kinds = [str(one) for one in CutKind]
        how = request.get("how", CutKind.BEFORE)
        if how not in kinds:
            raise LinkError(f"how: found {shown(how)}, wanted one of {', '.join(kinds)}")
        cut = CutPower(
            operation=_field(request, "operation", int),
            kind=CutKind(how),
            octets=request.get("octets", 0),
        )
        self._probe().cut(cut)
        return self._plain()

    def _damage(self, request: Fields) -> Fields:
        standby = request.get("standby", False)
        if type(standby) is not bool:
            raise LinkError(f"standby: found {shown(standby)}, wanted true or false")
        self._probe().damage(_field(request, "offset", int), standby=standby)
        return self._plain()

    def _wear(self, request: Fields) -> Fields:
        addresses = _field(request, "sectors", list)
        for one in addresses:
            if type(one) is not int:
                raise LinkError(f"sectors: found {shown(one)}, wanted addresses of flash")
        self._probe().wear(*(WornSector(address=one) for one in addresses))
        return self._plain()

    def _bye(self, request: Fields) -> Fields:
        self.done = True
        return {"actions": [], "deadline_us": None}


def serve(servant: Servant, requests: Iterable[bytes], replies: BinaryIO) -> None:
    """Answer requests until ``bye``, or until there are no more."""
    for line in requests:
        replies.write(servant.answer(line))
        replies.flush()
        if servant.done:
            return


def _read(line: bytes) -> Fields:
    try:
        request = json.loads(line)
    except ValueError as error:
        raise LinkError(f"found {shown(line)}, wanted JSON: {error}") from None
    if not isinstance(request, dict):
        raise LinkError(f"found {shown(request)}, wanted an object")
    return request


def _field(request: Fields, name: str, kind: type) -> Any:  # noqa: ANN401 - of JSON
    """Return a field of a request, of one type exactly."""
    words = {dict: "an object", list: "a list", str: "a string", int: "a number"}
    value = request.get(name)
    if type(value) is not kind:
        raise LinkError(f"{name}: found {shown(value)}, wanted {words[kind]}")
    return value


def _now(request: Fields) -> Us:
    now: Us = _field(request, "now_us", int)
    return now
