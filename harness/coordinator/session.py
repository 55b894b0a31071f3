"""Keep one stick open from bench to bench: its loop, its network, who is on it, what it says."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import bellows.types as t

from emulator.errors import LinkError
from emulator.units import SECOND, Us
from emulator.wire.aps import BROADCAST_RX_ON, FIRST_BROADCAST, ApsOptions, Datagram
from emulator.wire.codec import pack_integer
from harness.coordinator.application import Application, settings
from harness.coordinator.backup import keep, recall
from harness.coordinator.interruption import put_off
from harness.coordinator.register import Register
from harness.coordinator.trouble import cause, gone
from harness.lanes.port import NetworkOptions

T = TypeVar("T")

#: Longest that a stick may take to start, to form a network and to be reset on the way.
START_S = 60
#: Longest that it may take to end.
STOP_S = 10
#: How deep tasks wait for each other, at most, where Ctrl-C breaks one off.
_ECHOES = 10
#: How long a stick that has no room for a message is left alone, and how often it is asked again.
_ROOM_S, _ASKED_AGAIN = 0.05, 100
#: Longest that a stick may take to say that it is there.
ALIVE_S = 10
#: How long the network is open at once; it is opened anew before that is over.
PERMIT_S, RENEW_S = 240, 200
_WELL_KNOWN = b"ZigBeeAlliance09"
_ROUTED = t.EmberApsOption.APS_OPTION_ENABLE_ROUTE_DISCOVERY
_FULL = frozenset(
    {
        t.sl_Status.BUSY,
        t.sl_Status.TRANSMIT_BUSY,
        t.sl_Status.NO_MORE_RESOURCE,
        t.sl_Status.ALLOCATION_FAILED,
        t.sl_Status.ZIGBEE_MAX_MESSAGE_LIMIT_REACHED,
    }
)
_TOO_LONG = frozenset({t.sl_Status.MESSAGE_TOO_LONG})
_LOGGERS = ("bellows", "zigpy")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Came:
    """Say that a device joined or rejoined."""

    eui64: int
    address: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Went:
    """Say that a device left."""

    eui64: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """Say that the stick took a datagram, under the counter that it has now."""

    datagram: Datagram


@dataclass(frozen=True, slots=True, kw_only=True)
class Undelivered:
    """Say that nobody acknowledged a datagram."""

    destination: int
    aps_counter: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Say that the stick does not take a datagram: why, and whether it is too long for it."""

    why: str
    too_long: bool


News = Datagram | Came | Went | Sent | Undelivered | Refused


class Session:
    """Hold one stick and its network; nothing happens but in ``wait``.

    Args:
        place: A serial port, a pseudo terminal, or ``socket://HOST:PORT``.
        options: What the user wants of the network.
        profile: Application profile of the devices on it.
        register: What is known of them from earlier.
        release: Called when the stick is closed.

    Raises:
        LinkError: The stick cannot be used; says why.
    """

    def __init__(
        self,
        place: str,
        options: NetworkOptions,
        profile: int,
        register: Register,
        release: Callable[[], None],
    ) -> None:
        self.place, self.register, self._release = place, register, release
        self.members = register.members
        #: What happened and nobody looked at, with the time of the loop's clock in microseconds.
        self.news: deque[tuple[Us, News]] = deque()
        #: Octets of a message that the stick takes.
        self.longest = 0
        self._outbox: asyncio.Queue[Datagram] = asyncio.Queue()
        self._trouble: str | None = None
        self._closed = False
        self._permitted: tuple[float, int | None, bytes | None] | None = None
        self._tag = 0
        self._tasks: list[asyncio.Task[None]] = []
        for name in _LOGGERS:  # what they have to say matters as a verdict, or not at all
            logging.getLogger(name).addHandler(logging.NullHandler())
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(_note)
        self._stirred = asyncio.Event()
        try:
            self._app = Application(settings(place, options))
            self._app.heard, self._app.lost = self._heard, self._lost
            self._app.profile = profile
            self._do(self._start(options.folder), START_S)
        except (Exception, asyncio.CancelledError) as error:
            self.close()
            raise LinkError(
                f"ezsp:{place}: cannot be used: {cause(self._trouble, error)}"
            ) from error
        except BaseException:  # Ctrl-C
            self.close()
            raise

    # The stick.

    @property
    def eui64(self) -> int:
        """Return the EUI-64 of the stick."""
        return _number(self._app.state.node_info.ieee)

    @property
    def facts(self) -> dict[str, object]:
        """Return what a person wants to know of the network."""
        network = self._app.state.network_info
        return {
            "channel": int(network.channel),
            "pan_id": int(network.pan_id),
            "ezsp": self._app._ezsp.ezsp_version,
            "firmware": self._app.state.node_info.version or "unknown",
        }

    @property
    def identity(self) -> dict[str, str]:
        """Return who the stick is and where it was, in words, for the record."""
        node, network = self._app.state.node_info, self._app.state.network_info
        return {
            "make": node.manufacturer or "unknown",
            "model": node.model or "unknown",
            "firmware": node.version or "unknown",
            "ezsp": str(self._app._ezsp.ezsp_version),
            "eui64": f"{self.eui64:016x}",
            "channel": str(int(network.channel)),
            "pan_id": f"{int(network.pan_id):#06x}",
        }

    @property
    def broken(self) -> bool:
        """Tell whether it can never be used again."""
        return self._trouble is not None or self._closed

    @property
    def clock_us(self) -> Us:
        """Return the time of the loop's clock."""
        return round(self._loop.time() * SECOND)

    async def _start(self, folder: Path | None) -> None:
        kept = None if folder is None else recall(folder)
        if kept is not None:
            self._app.backups.add_backup(kept)
        await self._app.startup(auto_form=True)
        if folder is not None:
            keep(folder, await self._app.backups.create_backup())
        (self.longest,) = await self._app._ezsp.maximumPayloadLength()
        await self._look_around()
        self._tasks.append(asyncio.create_task(self._send_all()))

    async def _look_around(self) -> None:
        """Ask the stick who is near: a network that goes on has members."""
        start, total = 0, 1
        while start < total:
            answer = await self._app._device.zdo.Mgmt_Lqi_req(start)
            status, table = answer[0], answer[1]
            if status != 0 or not table.NeighborTableList:
                return
            total, start = int(table.Entries), start + len(table.NeighborTableList)
            for one in table.NeighborTableList:
                self.register.came(_number(one.ieee), int(one.nwk))

    def close(self) -> None:
        """Give the port back; safe to call twice."""
        if not self._closed:
            self._closed = True
            with put_off():
                self._shut()

    def _shut(self) -> None:
        for task in self._tasks:
            task.cancel()
        # A task that Ctrl-C broke off says so once more as soon as the loop goes on.
        for _ in range(_ECHOES):
            with suppress(KeyboardInterrupt):
                self._loop.run_until_complete(asyncio.sleep(0))
        with suppress(Exception, asyncio.CancelledError):
            app = getattr(self, "_app", None)
            if app is not None:
                self._do(app.shutdown(), STOP_S)
        left = asyncio.all_tasks(self._loop)
        for task in left:
            task.cancel()
        with suppress(Exception, asyncio.CancelledError):
            if left:  # of none, gather would make a loop of its own
                self._loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()
        self._release()

    def _do(self, work: Coroutine[Any, Any, T], limit_s: float) -> T:
        """Run the loop until something is done."""
        task = self._loop.create_task(asyncio.wait_for(work, limit_s))
        try:
            return self._loop.run_until_complete(task)
        finally:
            task.cancel()  # it goes on where Ctrl-C came in between

    # Time.

    def wait(self, limit_us: Us) -> None:
        """Let real time pass until there is news, at most so long.

        Raises:
            LinkError: The stick is gone.
        """
        self._check()
        self._loop.run_until_complete(self._idle(limit_us / SECOND))
        self._check()

    async def _idle(self, limit_s: float) -> None:
        if self.news or self._trouble is not None:
            await asyncio.sleep(0)  # what is to be sent goes out meanwhile
            return
        self._stirred.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stirred.wait(), max(limit_s, 0))

    def probe(self) -> None:
        """Ask the stick whether it is there: what is not heard of a device may be its silence.

        Raises:
            LinkError: It does not answer, or is on no network.
        """
        self._check()
        try:
            (state,) = self._do(self._app._ezsp.networkState(), ALIVE_S)
        except (Exception, asyncio.CancelledError) as error:
            self._fail(cause(self._trouble, error, "the stick does not answer: "))
        else:
            if state != t.EmberNetworkStatus.JOINED_NETWORK:
                self._fail(f"the stick is not on its network any more: found {state.name}")
        self._check()

    def _check(self) -> None:
        if self._trouble is not None:
            raise LinkError(f"ezsp:{self.place}: {self._trouble}")
        if self._closed:
            raise LinkError(f"ezsp:{self.place}: is closed")

    def _fail(self, trouble: str) -> None:
        if self._trouble is None:
            self._trouble = trouble
        self._stirred.set()

    def _lost(self, error: BaseException | None) -> None:
        if not self._closed:
            self._fail(gone(error))

    # What the stick says.

    def _heard(self, name: str, values: Sequence[Any]) -> None:
        wide = self._app._ezsp.ezsp_version >= 14
        if name == "incomingMessageHandler":
            self._hear_message(values, wide=wide)
        elif name == "trustCenterJoinHandler":
            self._hear_join(values)
        elif name == "messageSentHandler":
            _, destination, aps, _, status = (*values[1:5], values[0]) if wide else values[:5]
            if t.sl_Status.from_ember_status(status) != t.sl_Status.OK:
                self._tell(Undelivered(destination=int(destination), aps_counter=int(aps.sequence)))

    def _hear_message(self, values: Sequence[Any], *, wide: bool) -> None:
        """Take a message as the stick gave it, also the same one twice."""
        kind, aps, sender = values[0], values[1], values[2] if wide else values[4]
        broadcast = kind != t.EmberIncomingMessageType.INCOMING_UNICAST
        own = int(self._app.state.node_info.nwk)
        if int(sender) == own:
            return
        options = int(aps.options)
        self._tell(
            Datagram(
                source=int(sender),
                destination=BROADCAST_RX_ON if broadcast else own,
                source_endpoint=int(aps.sourceEndpoint),
                destination_endpoint=int(aps.destinationEndpoint),
                profile=int(aps.profileId),
                cluster=int(aps.clusterId),
                payload=bytes(values[-1]),
                options=(ApsOptions.ACKNOWLEDGE if options & _RETRY else 0)
                | (ApsOptions.ENCRYPT if options & _ENCRYPTION else 0),
                aps_counter=int(aps.sequence),
            )
        )

    def _hear_join(self, values: Sequence[Any]) -> None:
        address, eui64, what, decision = values[:4]
        if what == t.EmberDeviceUpdate.DEVICE_LEFT:
            self.register.gone.add(_number(eui64))
            self._tell(Went(eui64=_number(eui64)))
        elif decision != t.EmberJoinDecision.DENY_JOIN:
            self.came(_number(eui64), int(address))

    def came(self, eui64: int, address: int) -> None:
        """Note who is on the network."""
        self.register.came(eui64, address)
        self._tell(Came(eui64=eui64, address=address))

    def _tell(self, news: News) -> None:
        self.news.append((self.clock_us, news))
        self._stirred.set()

    # What it is told.

    def send(self, datagram: Datagram) -> None:
        """Let the stick send a datagram, behind what it was given before."""
        self._outbox.put_nowait(datagram)

    def drop(self) -> None:
        """Forget what is not sent and what nobody looked at."""
        while not self._outbox.empty():
            self._outbox.get_nowait()
        self.news.clear()

    async def _send_all(self) -> None:
        try:
            while True:
                await self._send(await self._outbox.get())
        except asyncio.CancelledError:
            raise
        except Exception as error:  # zigpy raises what it likes; a task would swallow it
            self._fail(cause(self._trouble, error, "cannot send: "))

    async def _send(self, datagram: Datagram) -> None:
        self._tag = self._tag % 255 + 1
        aps = t.EmberApsFrame(
            profileId=datagram.profile,
            clusterId=datagram.cluster,
            sourceEndpoint=datagram.source_endpoint,
            destinationEndpoint=datagram.destination_endpoint,
            options=_options(datagram.options),
            groupId=0,
            sequence=0,
        )
        status, counter = await self._hand_over(datagram, aps)
        for _ in range(_ASKED_AGAIN):
            if status not in _FULL:
                break
            await asyncio.sleep(_ROOM_S)
            status, counter = await self._hand_over(datagram, aps)
        if status != t.sl_Status.OK:
            what = f"{len(datagram.payload)} octets of cluster {datagram.cluster:#06x}"
            why = f"found {status.name} for {what} to {datagram.destination:#06x}, wanted OK"
            self._tell(Refused(why=why, too_long=status in _TOO_LONG))
            return
        self._tell(Sent(datagram=replace(datagram, aps_counter=int(counter), frame_counter=None)))

    async def _hand_over(
        self, datagram: Datagram, aps: t.EmberApsFrame
    ) -> tuple[t.sl_Status, t.uint8_t]:
        """Give a message to the stick once, and return what it says, and the APS counter."""
        stick, tag, payload = self._app._ezsp, t.uint8_t(self._tag), datagram.payload
        if datagram.destination < FIRST_BROADCAST:
            nwk = t.NWK(datagram.destination)
            said = await stick.send_unicast(nwk=nwk, aps_frame=aps, message_tag=tag, data=payload)
        else:
            said = await stick.send_broadcast(
                address=t.BroadcastAddress(datagram.destination),
                aps_frame=aps,
                radius=t.uint8_t(0),
                message_tag=tag,
                aps_sequence=t.uint8_t(0),
                data=payload,
            )
        status, counter = said
        return status, counter

    # Who may join.

    def permit(self, eui64: int | None, link_key: bytes | None) -> None:
        """Let devices join for a while, or one of them; does nothing while it is so already.

        Args:
            eui64: The only one that may; None: all.
            link_key: The key that it joins with; None: the well-known one.
        """
        now = self._loop.time()
        if self._permitted is not None:
            since, *whom = self._permitted
            if whom == [eui64, link_key] and now - since < RENEW_S:
                return
        self._permitted = (now, eui64, link_key)
        self._command(self._permit(eui64, link_key or _WELL_KNOWN))

    async def _permit(self, eui64: int | None, link_key: bytes) -> None:
        if eui64 is None:
            await self._app.permit(PERMIT_S)
        else:
            node = _node(eui64)
            await self._app.permit_with_link_key(node, t.KeyData(link_key), PERMIT_S)

    def refuse(self) -> None:
        """Let nobody join."""
        if self._permitted is not None:
            self._permitted = None
            self._command(self._app.permit(0))

    def remove(self, eui64: int) -> None:
        """Put a device off the network, as a trust centre does."""
        node = _node(eui64)
        address = t.NWK(self.members[eui64])
        self._command(self._app._ezsp.removeDevice(address, node, node))

    def patient(self, eui64: int) -> None:
        """Let the stick wait longer for a sleepy device."""
        node = _node(eui64)
        address = t.NWK(self.members[eui64])
        self._command(self._app._ezsp.set_extended_timeout(address, node, True))

    def _command(self, work: Coroutine[Any, Any, object]) -> None:
        """Have the stick do something now."""
        self._check()
        try:
            self._do(work, STOP_S)
        except (Exception, asyncio.CancelledError) as error:
            self._fail(cause(self._trouble, error))
        self._check()


_RETRY, _ENCRYPTION = 0x0040, 0x0020


def _note(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Take what a task of zigpy's ended with that nobody waited for."""
    _log.debug("%s: %s", context.get("message"), context.get("exception"))


def _options(options: int) -> t.EmberApsOption:
    made = _ROUTED
    if options & ApsOptions.ACKNOWLEDGE:
        made |= t.EmberApsOption.APS_OPTION_RETRY
    if options & ApsOptions.ENCRYPT:
        made |= t.EmberApsOption.APS_OPTION_ENCRYPTION
    return made


def _node(eui64: int) -> t.EUI64:
    return t.EUI64(pack_integer(eui64, 8))


def _number(eui64: Any) -> int:  # noqa: ANN401 - a class of zigpy's
    """Return an EUI-64 as a number, the first octet that people write the highest."""
    return int(str(eui64).replace(":", ""), 16)
