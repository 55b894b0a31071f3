"""Carry datagrams to a device program: the harness's side of the ``exec:`` protocol.

The device lives in another process and speaks JSON lines; its world is the same virtual time that
emulated bridges have. docs/guides/exec.md describes the protocol, ``exec.schema.json`` its lines.
"""

import atexit
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib import resources
from typing import Any

from emulator.actions import Action, Event, Join, Leave, Poll, Reboot, Report, Send
from emulator.contract import Capability, Identity
from emulator.errors import BootError, LinkError, PowerLost
from emulator.faults import CutPower, WornSector
from emulator.link.json_form import LARGEST, from_json, shown, to_json
from emulator.link.stdio import OPTIONAL, PROTOCOL
from emulator.profiles.load import plain
from emulator.profiles.model import Profile
from emulator.units import SECOND, Octets, Us
from emulator.wire.aps import Datagram
from harness.lanes.direct import Air, VirtualLane
from harness.lanes.port import LaneOptions, Setup
from harness.lanes.program import Program, cut

#: A command is not started again after so many of its programs in a row were silent.
MOST_SILENT = 5
#: What a program's reply may do.
_ACTIONS = (Send, Join, Leave, Poll, Reboot, Report)
#: What a reply has, and what it may have.
_KEYS = ("id", "actions", "deadline_us")
_MORE = ("power_lost", "dead")
_OF_CALL = {"hello": ("protocol", "name", "capabilities"), "operations": ("operations",)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello:
    """Say what a program said of itself."""

    name: str
    capabilities: frozenset[Capability]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """Be one reply, checked."""

    actions: Sequence[Action]
    deadline_us: Us | None
    more: dict[str, Any]


class Conversation:
    """Ask a program, and check what it answers.

    ``heard`` gets each request and reply as it went over the line, where somebody wants them.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self.asked = 0
        self.hello: Hello | None = None
        self.heard: Callable[[bytes], object] | None = None

    def ask(self, call: str, now: Us | None = None, **values: object) -> Reply:
        """Make one call.

        Args:
            call: Its name.
            now: The time of it; None for calls that have none.
            values: What goes with it.

        Raises:
            LinkError: The program failed, could not do it, or does not keep the protocol.
        """
        if now is not None:
            values["now_us"] = now
        line = self.raw(call, **values)
        try:
            return self._checked(line, call, now)
        except LinkError as error:
            self.program.fail(f"reply to {call}: {error}")

    def raw(self, call: str, **values: object) -> bytes:
        """Make one call, any at all, and return the line that answers it, whatever it holds.

        Raises:
            LinkError: The program failed.
        """
        self.asked += 1
        request = {"id": self.asked, "call": call, **values}
        asking = json.dumps(request, separators=(",", ":")).encode() + b"\n"
        line = self.program.ask(asking)
        if self.heard is not None:
            self.heard(asking)
            self.heard(line)
        return line

    def greet(self, **more: object) -> Hello:
        """Say hello once, and return what the program can do; with ``more``, say it again."""
        if self.hello is None or more:
            said = self.ask("hello", None, protocol=PROTOCOL, **more).more
            found = said["capabilities"]
            self.hello = Hello(
                name=said["name"], capabilities=frozenset(Capability(each) for each in found)
            )
        return self.hello

    def part(self) -> int | None:
        """Say bye and end the program; return its exit code where it ended by itself."""
        self.asked += 1
        return self.program.end(b'{"id":%d,"call":"bye"}\n' % self.asked)

    def _checked(self, line: bytes, call: str, now: Us | None) -> Reply:
        reply = _document(line)
        if reply.get("id") != self.asked:
            raise LinkError(f"id: found {shown(reply.get('id'))}, wanted {self.asked}")
        if "error" in reply:
            raise LinkError(f"found error {shown(reply['error'])}, wanted it done")
        wanted = (*_KEYS, *_OF_CALL.get(call, ()))
        for key in wanted:
            if key not in reply:
                raise LinkError(f"{key}: found nothing, wanted a value")
        for key in reply:
            if key not in wanted and key not in _MORE:
                raise LinkError(f"{key}: unknown, wanted {', '.join((*wanted, *_MORE))}")
        _check_more(reply, call)
        made = Reply(
            actions=_actions(reply["actions"]),
            deadline_us=_deadline(reply["deadline_us"], now or 0),
            more=reply,
        )
        stopped = [key for key in _MORE if reply.get(key)]
        if made.actions and (stopped or call not in ("power_on", "receive", "wake", "event")):
            why = stopped[0] if stopped else call
            raise LinkError(f"actions: found {len(made.actions)}, wanted none with {why}")
        return made


class Conversations:
    """Keep the programs of this process from one bench to the next: a new one is dear."""

    def __init__(self) -> None:
        self._idle: dict[str, list[Conversation]] = {}
        self._all: list[Conversation] = []
        self._silent: dict[str, int] = {}  # how many in a row were

    def open(self, command: str, options: LaneOptions) -> Conversation:
        """Return the conversation with a program that nobody uses, a new one where there is none.

        Raises:
            LinkError: It cannot be started, or was silent too often to wait for it again.
        """
        if (silent := self._silent.get(command, 0)) >= MOST_SILENT:
            why = f"{silent} in a row were silent for {options.reply_limit_us / SECOND:g} s"
            raise LinkError(f"exec:{command}: not started again: {why}")
        idle = self._idle.get(command, [])
        while idle:
            kept = idle.pop()
            if kept.program.alive:
                kept.program.limit_us = options.reply_limit_us
                return kept
        made = Conversation(Program(command, options.reply_limit_us))
        self._all = [one for one in self._all if one.program.alive] + [made]
        return made

    def leave(self, conversation: Conversation) -> None:
        """Take back a program that nobody uses any more; one that failed is ended."""
        program = conversation.program
        conversation.heard = None
        if program.alive:
            self._silent.pop(program.command, None)
            self._idle.setdefault(program.command, []).append(conversation)
        else:
            self._silent[program.command] = self._silent.get(program.command, 0) + program.silent
            program.kill()

    def close(self) -> list[dict[str, str]]:
        """End every program, also those in use, politely where it answers.

        Returns:
            What each program said of itself and which file it is, in words; a file that was
            changed while others of its kind ran is one of its own.
        """
        conversations, self._all = self._all, []
        self._idle.clear()
        self._silent.clear()
        said = {
            (each.program.command, *each.program.files.values()): {
                "kind": "program",
                "command": each.program.command,
                **each.program.files,
                "name": each.hello.name,
                "capabilities": ", ".join(sorted(each.hello.capabilities)) or "none",
            }
            for each in conversations
            if each.hello is not None
        }
        for each in conversations:
            each.part()
        return list(said.values())


#: Those of this process.
CONVERSATIONS = Conversations()
atexit.register(CONVERSATIONS.close)


def greet(command: str, options: LaneOptions) -> Hello:
    """Return what a program says of itself, before there is any device of it.

    Raises:
        LinkError: It cannot be started, or does not keep the protocol.
    """
    conversation = CONVERSATIONS.open(command, options)
    try:
        return conversation.greet()
    finally:
        CONVERSATIONS.leave(conversation)


def with_program(offered: frozenset[Capability]) -> frozenset[Capability]:
    """Return what the lane can do with a program that offers some of the optional capabilities."""
    return VirtualLane.capabilities - frozenset(OPTIONAL) | offered


class ExecDevice:
    """Be the device of a program, by the contract of ``emulator.contract.Device``.

    Args:
        conversation: With the program, which said hello.
        settings: What the program is told that the device is, if it can be told.
    """

    def __init__(self, conversation: Conversation, settings: Profile | None) -> None:
        self.conversation, self._settings = conversation, settings
        self._deadline: Us | None = None

    @property
    def deadline(self) -> Us | None:
        """Return the deadline of the last reply."""
        return self._deadline

    def factory(self, identity: Identity, image: bytes, version: int, seed: int) -> None:
        """Let the program make its device new."""
        values: dict[str, object] = {
            "identity": to_json(identity),
            "image": image.hex(),
            "version": version,
            "seed": f"{seed:016x}",
        }
        if self._settings is not None:
            values["settings"] = plain(self._settings)
        self._ask("factory", None, **values)

    def power_on(self, now: Us) -> Sequence[Action]:
        """Raise the supply."""
        return self._ask("power_on", now)

    def power_off(self, now: Us) -> None:
        """Cut the supply."""
        self._ask("power_off", now)

    def receive(self, datagram: Datagram, now: Us) -> Sequence[Action]:
        """Deliver a datagram."""
        return self._ask("receive", now, datagram=to_json(datagram))

    def wake(self, now: Us) -> Sequence[Action]:
        """Say that the deadline is reached."""
        return self._ask("wake", now)

    def event(self, what: Event, now: Us) -> Sequence[Action]:
        """Deliver an event."""
        return self._ask("event", now, event=to_json(what))

    # The capability ``probe``.

    def operations(self) -> int:
        """Return how many flash operations the device's life had so far."""
        found: int = self.conversation.ask("operations").more["operations"]
        return found

    def cut_at(self, cut: CutPower) -> None:
        """Let the supply fail at a flash operation that is to come."""
        how = str(cut.kind)
        self._ask("cut_at", None, operation=cut.operation, how=how, octets=cut.octets)

    def damage(self, offset: Octets, *, standby: bool = False) -> None:
        """Change an octet of the image that runs, or of the one that waits."""
        more = {"standby": True} if standby else {}
        self._ask("damage", offset=offset, **more)

    # The capability ``worn flash``.

    def wear(self, sectors: Sequence[WornSector]) -> None:
        """Let sectors of flash take no erase from now on, and no others."""
        self._ask("wear", sectors=[one.address for one in sectors])

    def _ask(self, call: str, now: Us | None = None, **values: object) -> Sequence[Action]:
        reply = self.conversation.ask(call, now, **values)
        self._deadline = reply.deadline_us
        if reply.more.get("power_lost"):
            raise PowerLost
        if "dead" in reply.more:
            raise BootError(reply.more["dead"])
        return reply.actions


class ExecLane(VirtualLane):
    """Carry datagrams to a device program, ``exec:COMMAND``."""

    def __init__(self, setup: Setup, air: Air | None = None) -> None:
        if setup.defect is not None:
            raise LinkError(f"exec:{setup.place}: no defect can be planted in a program")
        self._place = setup.place
        self._conversation: Conversation | None = CONVERSATIONS.open(setup.place, setup.options)
        hello = self.conversation.greet()
        self.capabilities = with_program(hello.capabilities)
        told = setup.profile if Capability.SETTINGS in hello.capabilities else None
        self.device = ExecDevice(self.conversation, told)
        super().__init__(setup, self.device, air)

    @property
    def conversation(self) -> Conversation:
        """Return the conversation with the program.

        Raises:
            LinkError: The lane is closed.
        """
        if self._conversation is None:
            raise LinkError(f"exec:{self._place}: the lane is closed")
        return self._conversation

    def beside(self, setup: Setup) -> "ExecLane":
        """Put another device into the same world, off: a program of its own."""
        return ExecLane(replace(setup, place=self._place), self._air)

    def damage(self, offset: Octets, *, standby: bool = False) -> None:
        """Change an octet of the image that the device runs, or of the one that waits."""
        if (Capability.WEAR if standby else Capability.PROBE) not in self.capabilities:
            super().damage(offset, standby=standby)
        self.device.damage(offset, standby=standby)

    def wear(self, sectors: Sequence[WornSector]) -> None:
        """Let sectors of the device's flash take no erase."""
        if Capability.WEAR not in self.capabilities:
            super().wear(sectors)
        self.device.wear(sectors)

    def close(self) -> None:
        """Cut the supply, and leave the program for the next bench."""
        conversation, self._conversation = self._conversation, None
        if conversation is None:
            return
        if conversation.program.alive:
            with suppress(LinkError):  # a case has its verdict: what ends now is not of it
                super().close()
        CONVERSATIONS.leave(conversation)


def schema() -> dict[str, Any]:
    """Return the JSON Schema of the protocol's lines."""
    text = resources.files("harness.lanes").joinpath("exec.schema.json").read_text("utf-8")
    made: dict[str, Any] = json.loads(text)
    return made


def _document(line: bytes) -> dict[str, Any]:
    try:
        reply = json.loads(line)
    except (ValueError, RecursionError):
        raise LinkError(f"found {cut(line)}, wanted a JSON object on one line") from None
    if type(reply) is not dict:
        raise LinkError(f"found {cut(line)}, wanted a JSON object")
    return reply


def _actions(found: object) -> Sequence[Action]:
    if type(found) is not list:
        raise LinkError(f"actions: found {shown(found)}, wanted an array")
    made = []
    for number, each in enumerate(found):
        try:
            action = from_json(each)
        except LinkError as error:
            raise LinkError(f"actions[{number}]: {error}") from None
        if not isinstance(action, _ACTIONS):
            known = ", ".join(one.__name__ for one in _ACTIONS)
            raise LinkError(f"actions[{number}]: found {type(action).__name__}, wanted {known}")
        made.append(action)
    return tuple(made)


def _deadline(found: object, now: Us) -> Us | None:
    if found is None:
        return None
    if type(found) is not int or not now <= found <= LARGEST:
        late = type(found) is int and found > LARGEST
        wanted = f"{LARGEST} at most" if late else f"{now} (now_us) or later"
        raise LinkError(f"deadline_us: found {shown(found)}, wanted null or {wanted}")
    return found


def _check_more(reply: dict[str, Any], call: str) -> None:
    """Check what only some replies have."""
    if type(reply.get("power_lost", False)) is not bool:
        raise LinkError(f"power_lost: found {shown(reply['power_lost'])}, wanted true or false")
    if type(reply.get("dead", "")) is not str:
        raise LinkError(f"dead: found {shown(reply['dead'])}, wanted a string")
    if call == "operations" and (type(reply["operations"]) is not int or reply["operations"] < 0):
        raise LinkError(f"operations: found {shown(reply['operations'])}, wanted a number")
    if call != "hello":
        return
    if reply["protocol"] != PROTOCOL:
        raise LinkError(f"protocol: found {shown(reply['protocol'])}, wanted {PROTOCOL}")
    if type(reply["name"]) is not str:
        raise LinkError(f"name: found {shown(reply['name'])}, wanted a string")
    found, known = reply["capabilities"], [str(one) for one in OPTIONAL]
    if type(found) is not list:
        raise LinkError(f"capabilities: found {shown(found)}, wanted an array")
    for each in found:
        if each not in known:
            raise LinkError(f"capabilities: found {shown(each)}, wanted some of {', '.join(known)}")
