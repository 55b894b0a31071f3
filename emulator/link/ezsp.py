"""Put one device on a ZigBee network through an EZSP stick, by bellows' EZSP class.

The stick's firmware does what is below the datagram, and answers what ZDO requests it can; what it
cannot, and everything on the device's endpoint, is the device's. Its EUI-64 is the device's.

bellows is imported where it is used: nobody else pays for it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from emulator.actions import Delivered, Joined, JoinRefused, Left
from emulator.device.descriptors import descriptor_of
from emulator.errors import LinkError
from emulator.link.claim import Claim
from emulator.link.ezsp_terms import (
    datagram_of,
    end_of,
    extended_pan_id_of,
    frame_of,
    joining_state,
    name_of,
    parameters_of,
)
from emulator.link.realtime import Host
from emulator.profiles.model import Profile
from emulator.wire.aps import ApsOptions, Datagram
from emulator.wire.codec import unpack_integer

#: Channels of 2.4 GHz; bit n is channel n.
ALL_CHANNELS = sum(1 << channel for channel in range(11, 27))
#: The link key that every device of ZigBee 3.0 knows (ZigBee 05-3474, 4.4.3).
WELL_KNOWN_KEY = b"ZigBeeAlliance09"
#: How long a stick may take to be opened, and to say what came of a join.
OPEN_S, JOIN_S = 30, 20
#: An active scan stays (2 ** 4 + 1) * 15.36 ms on a channel.
SCAN_DURATION = 4
#: How long a device waits before it looks again for a parent that is gone.
AGAIN_S = 10
#: How long a stick that has no room for a message is left alone, and how often it is asked again.
_ROOM_S, _ASKED_AGAIN = 0.05, 40
_FULL = frozenset({"BUSY", "TRANSMIT_BUSY", "NO_MORE_RESOURCE", "ALLOCATION_FAILED"})
#: Only ZDO requests that the stick does not answer come to the device.
_ZDO_FLAGS = {"CONFIG_APPLICATION_ZDO_FLAGS": 0x02}
#: The oldest EZSP that anything here was tried with; EmberZNet 7.4 has it.
OLDEST = 13
#: From this version on callbacks have another order of fields.
_WIDE = 14
#: What the stack says that is about neither joining nor leaving.
_ASIDES = frozenset({"NETWORK_OPENED", "NETWORK_CLOSED"})
_JOIN_FAILED = "no answer"

_Step = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Say which network a device may join, and with which link key."""

    channels: int = ALL_CHANNELS
    pan_id: int | None = None  # None: any
    extended_pan_id: int | None = None  # None: any
    link_key: bytes = WELL_KNOWN_KEY


def _note(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Say nothing of what a task of bellows ended with: that the stick is gone is said once."""
    of = type(context.get("exception")).__module__.partition(".")[0]
    if of not in ("bellows", "zigpy"):
        loop.default_exception_handler(context)


class Stick:
    """Be the radio of one device; what it is asked to do is done in order, one thing at a time.

    Args:
        port: A serial port, a pty or ``socket://HOST:PORT``.
        wish: Which network the device may join.
        log: Takes one line that a person should know.
    """

    def __init__(self, port: str, wish: Wish, log: Callable[[str], None]) -> None:
        self.port, self._wish, self._log = port, wish, log
        self.eui64 = 0
        self.version = 0  # of EZSP
        self._ezsp: Any = None
        self._claim: Claim | None = None
        self._host: Host | None = None
        self._steps: asyncio.Queue[_Step] = asyncio.Queue()
        self._worker: asyncio.Task[None] | None = None
        self._outcome: asyncio.Future[str] | None = None
        self._again: asyncio.TimerHandle | None = None
        self._address: int | None = None
        self._joining = self._polling = False  # such a step waits, or is being done
        self._tag = 0
        self._asked: dict[int, int] = {}  # APS counter of the device by tag of the stick
        self._sleepy = False
        self._closing = False

    # Opening and closing.

    async def open(self) -> None:
        """Reset the stick and agree upon a version.

        Raises:
            LinkError: There is no such port, it is in use, no EZSP stick answers there, its
                firmware is too old, or bellows is not installed.
        """
        try:
            import bellows.ezsp
            from zigpy.config import CONF_DEVICE_PATH, SCHEMA_DEVICE
        except ImportError as error:
            raise LinkError(
                f"{self.port}: found no {error.name}, wanted it installed: pip install"
                " 'hanover[radio]'"
            ) from None
        for name in ("bellows", "zigpy"):  # what matters is said by us, once
            logging.getLogger(name).addHandler(logging.NullHandler())
        asyncio.get_running_loop().set_exception_handler(_note)
        self._claim = Claim(self.port)
        self._ezsp = bellows.ezsp.EZSP(SCHEMA_DEVICE({CONF_DEVICE_PATH: self.port}), self)
        try:
            async with asyncio.timeout(OPEN_S):
                await self._ezsp.connect(use_thread=False)
                await self._ezsp.write_config(_ZDO_FLAGS)
                (eui64,) = await self._ezsp.getEui64()
        except Exception as error:  # bellows and serial drivers raise what they like
            await self.close()
            why = f"{type(error).__name__}: {error}".rstrip(": ")
            raise LinkError(f"{self.port}: found no EZSP stick ({why}), wanted one") from error
        self.eui64 = unpack_integer(eui64.serialize())
        self.version = self._ezsp.ezsp_version
        if self.version < OLDEST:
            await self.close()
            raise LinkError(
                f"{self.port}: found EZSP {self.version}, wanted {OLDEST} or newer: the firmware of"
                " the stick is too old, EmberZNet 7.4 has it"
            )
        self._ezsp.add_callback(self._heard)

    async def serve(self, host: Host, profile: Profile) -> None:
        """Be the radio of a host's device from now on; call it before the device has its supply.

        Args:
            host: Who hears what comes.
            profile: What the device's endpoint says about itself, and who made it.

        Raises:
            LinkError: The stick takes no such endpoint.
        """
        endpoint = descriptor_of(profile)
        await self._ezsp.setManufacturerCode(code=profile.ota.manufacturer_code)
        (status,) = await self._ezsp.addEndpoint(
            endpoint=endpoint.endpoint,
            profileId=endpoint.profile,
            deviceId=endpoint.device,
            deviceVersion=endpoint.device_version,
            inputClusterCount=len(endpoint.input_clusters),
            outputClusterCount=len(endpoint.output_clusters),
            inputClusterList=list(endpoint.input_clusters),
            outputClusterList=list(endpoint.output_clusters),
        )
        if name_of(status) != "OK":
            raise LinkError(f"{self.port}: addEndpoint: found {name_of(status)}, wanted OK")
        self._host = host
        self._worker = asyncio.get_running_loop().create_task(self._work())

    async def close(self) -> None:
        """Let go of the port; the stick stays where it is on the network."""
        self._closing = True
        if self._again is not None:
            self._again.cancel()
        if self._worker is not None:
            self._worker.cancel()
            with suppress(asyncio.CancelledError):
                await self._worker
        if self._ezsp is not None:
            with suppress(Exception):
                await self._ezsp.disconnect()
        if self._claim is not None:
            self._claim.release()

    def connection_lost(self, error: BaseException | None) -> None:
        """Be told by bellows that the port is closed, or that the stick has reset itself."""
        if not self._closing:
            self._fail(LinkError(f"{self.port}: the stick is gone: {end_of(error)}"))

    # The Transceiver protocol.

    def join(self, *, rejoin: bool, sleepy: bool) -> None:
        """Look for a network, or go back to the one that the stick knows; once at a time."""
        self._sleepy = sleepy
        if not self._joining:
            self._joining = True
            self._steps.put_nowait(self._resume if rejoin else self._enter)

    def leave(self) -> None:
        """Leave the network."""
        self._steps.put_nowait(self._quit)

    def poll(self) -> None:
        """Fetch what the parent holds; one poll that waits is enough."""
        if not self._polling:
            self._polling = True
            self._steps.put_nowait(self._poll)

    def send(self, datagram: Datagram) -> None:
        """Put a datagram on the air, in its order."""
        self._steps.put_nowait(lambda: self._send(datagram))

    # What is done, one after the other.

    async def _work(self) -> None:
        from bellows.ash import NcpFailure

        while True:
            step = await self._steps.get()
            try:
                await step()
            except asyncio.CancelledError:
                raise
            except LinkError as error:
                self._fail(error)
            except NcpFailure as error:
                self._fail(LinkError(f"{self.port}: the stick is gone: {end_of(error)}"))
            except Exception as error:  # as in open; it must reach whoever waits for the host
                why = f"{type(error).__name__}: {error}".rstrip(": ")
                self._fail(LinkError(f"{self.port}: the stick does not do as it is told: {why}"))

    def _fail(self, error: LinkError) -> None:
        if self._host is not None:
            self._host.fail(error)
        if self._outcome is not None and not self._outcome.done():
            self._outcome.cancel()

    async def _enter(self) -> None:
        """Join a network as a device that knows none."""
        found = await self._scan()
        if not found:
            self._log("no network lets devices join")
        for network in found:
            why = await self._associate(network)
            if why == "NETWORK_UP":
                await self._settle()
                return
            self._log(f"network 0x{network.panId:04X} on channel {network.channel}: {why}")
        self._tell(JoinRefused())

    async def _resume(self) -> None:
        """Go back to the network that the stick knows, or say that it knows none."""
        from bellows.types import EmberNetworkStatus

        (state,) = await self._ezsp.networkState()
        if state == EmberNetworkStatus.NO_NETWORK:
            self._expect()
            status = name_of(await self._ezsp.initialize_network())
            if status == "NOT_JOINED":
                self._log("the stick knows no network: the device is told that it has left")
                self._lose()
                return
            why = await self._wait() if status == "OK" else status
            (state,) = await self._ezsp.networkState()
        else:
            why = "no parent"
        if state == EmberNetworkStatus.JOINED_NETWORK:
            await self._settle()
        elif state == EmberNetworkStatus.NO_NETWORK:
            self._log(f"the network is not resumed: {why}")
            self._tell(JoinRefused())
        elif (why := await self._find()) == "NETWORK_UP":
            await self._settle()
        else:
            self._log(f"the network is not found again: {why}")
            self._tell(JoinRefused())

    async def _scan(self) -> list[Any]:
        """Return the networks that let devices join and are wished for, the loudest first."""
        import bellows.types as t

        wish = self._wish
        kind = t.EzspNetworkScanType.ACTIVE_SCAN
        found = await self._ezsp.startScan(kind, t.Channels(wish.channels), SCAN_DURATION)
        fits: dict[tuple[int, int], tuple[int, Any]] = {}
        for network, lqi, *_ in found:
            extended = extended_pan_id_of(network)
            if (
                network.allowingJoin
                and wish.pan_id in (None, network.panId)
                and wish.extended_pan_id in (None, extended)
            ):
                key = extended, network.channel
                fits[key] = max(fits.get(key, (-1, None)), (lqi, network), key=lambda one: one[0])
        return [network for _, network in sorted(fits.values(), key=lambda one: -one[0])]

    async def _associate(self, network: Any) -> str:  # noqa: ANN401 - of bellows
        """Ask to join one network, and return the stack status that says what came of it."""
        import bellows.types as t

        await self._forget()
        state = joining_state(self._wish.link_key)
        (status,) = await self._ezsp.setInitialSecurityState(state=state)
        if name_of(status) != "OK":
            return f"setInitialSecurityState: {name_of(status)}"
        self._expect()
        kind = t.EmberNodeType.SLEEPY_END_DEVICE if self._sleepy else t.EmberNodeType.ROUTER
        parameters = parameters_of(network, self._wish.channels)
        (status,) = await self._ezsp.joinNetwork(nodeType=kind, parameters=parameters)
        if name_of(status) != "OK":
            return f"joinNetwork: {name_of(status)}"
        return await self._wait()

    async def _forget(self) -> None:
        """Be off every network: a device that begins anew knows none."""
        from bellows.types import EmberNetworkStatus

        (state,) = await self._ezsp.networkState()
        if state != EmberNetworkStatus.NO_NETWORK:
            self._expect()
            if name_of(await self._ezsp.leave_network()) == "OK":
                await self._wait()

    async def _find(self) -> str:
        """Rejoin with the keys that the stick holds; return what came of it."""
        import bellows.types as t

        more: dict[str, Any] = {}
        if self.version >= _WIDE:
            kind = t.EmberNodeType.SLEEPY_END_DEVICE if self._sleepy else t.EmberNodeType.ROUTER
            more = {"reason": t.uint8_t(0), "nodeType": kind}
        self._expect()
        (status,) = await self._ezsp.findAndRejoinNetwork(
            haveCurrentNetworkKey=t.Bool.true, channelMask=t.uint32_t(self._wish.channels), **more
        )
        return await self._wait() if name_of(status) == "OK" else name_of(status)

    async def _settle(self) -> None:
        """Tell the device where it is on the network."""
        (address,) = await self._ezsp.getNodeId()
        self._address = int(address)
        self._tell(Joined(address=self._address))

    async def _quit(self) -> None:
        self._expect()
        if name_of(await self._ezsp.leave_network()) == "OK":
            await self._wait()
        self._lose()

    def _lose(self) -> None:
        self._address = None
        self._tell(Left())

    async def _stray(self, status: str) -> None:
        """Do what follows from a stack status that nobody waited for."""
        from bellows.types import EmberNetworkStatus

        (state,) = await self._ezsp.networkState()
        if state == EmberNetworkStatus.NO_NETWORK:
            if self._address is not None:
                self._lose()
        elif state == EmberNetworkStatus.JOINED_NETWORK:
            (address,) = await self._ezsp.getNodeId()
            if int(address) != self._address:
                await self._settle()
        elif state == EmberNetworkStatus.JOINED_NETWORK_NO_PARENT and self._again is None:
            self._log(f"the parent is gone ({status}): the device looks for another one")
            await self._look_again()

    async def _look_again(self) -> None:
        self._again = None
        if (why := await self._find()) == "NETWORK_UP":
            await self._settle()
            return
        self._log(f"the network is not found again: {why}")
        put, step = self._steps.put_nowait, self._look_again
        self._again = asyncio.get_running_loop().call_later(AGAIN_S, put, step)

    async def _poll(self) -> None:
        from bellows.types import EmberEventUnits

        self._polling = False
        try:
            async with asyncio.timeout(JOIN_S):
                await self._ezsp.pollForData(
                    interval=0, units=EmberEventUnits.EVENT_INACTIVE, failureLimit=0
                )
        except Exception as error:
            if type(error) is not Exception:  # which is how bellows says that nothing was held
                raise

    async def _send(self, datagram: Datagram) -> None:
        frame = frame_of(datagram)
        acknowledged = datagram.options & ApsOptions.ACKNOWLEDGE and not datagram.broadcast
        tag = self._tag = self._tag % 255 + 1
        self._asked.pop(tag, None)
        if acknowledged:
            self._asked[tag] = datagram.aps_counter
        status = await self._hand_over(datagram, frame, tag)
        for _ in range(_ASKED_AGAIN):
            if status not in _FULL:
                break
            await asyncio.sleep(_ROOM_S)
            status = await self._hand_over(datagram, frame, tag)
        if status != "OK":
            self._log(f"a datagram to 0x{datagram.destination:04X} is not sent: {status}")
            self._delivered(tag, success=False)

    async def _hand_over(self, datagram: Datagram, frame: Any, tag: int) -> str:  # noqa: ANN401
        """Give a datagram to the stick, and return the status that it answers with."""
        import bellows.types as t

        payload = datagram.payload
        if datagram.broadcast:
            everybody = t.BroadcastAddress(datagram.destination)
            status, _ = await self._ezsp.send_broadcast(everybody, frame, 0, tag, 0, payload)
        else:
            to = t.NWK(datagram.destination)
            status, _ = await self._ezsp.send_unicast(to, frame, tag, payload)
        return name_of(status)

    # What the stick says by itself.

    def _expect(self) -> None:
        """Take the next stack status as what comes of what is done next."""
        self._outcome = asyncio.get_running_loop().create_future()

    async def _wait(self) -> str:
        coming = self._outcome
        if coming is None:
            raise RuntimeError("found a wait for nothing, wanted what is done before it")
        try:
            async with asyncio.timeout(JOIN_S):
                return await coming
        except TimeoutError:
            return _JOIN_FAILED
        finally:
            self._outcome = None

    def _heard(self, name: str, values: list[Any]) -> None:
        if self._closing or self._host is None:
            return
        try:
            if name == "incomingMessageHandler":
                self._receive(values)
            elif name == "messageSentHandler":
                wide = self.version >= _WIDE
                status, tag = (values[0], values[4]) if wide else (values[4], values[3])
                self._delivered(int(tag), success=name_of(status) == "OK")
            elif name == "stackStatusHandler":
                self._stands(name_of(values[0]))
        except Exception as error:  # bellows would swallow it
            self._host.fail(error)

    def _stands(self, status: str) -> None:
        if status in _ASIDES:
            return
        coming = self._outcome
        if coming is not None and not coming.done():
            coming.set_result(status)
        else:
            self._steps.put_nowait(lambda: self._stray(status))

    def _receive(self, values: list[Any]) -> None:
        if self._address is None or self._host is None:
            return
        datagram = datagram_of(values, self._address, wide=self.version >= _WIDE)
        if datagram is not None:
            self._host.receive(datagram)

    def _delivered(self, tag: int, *, success: bool) -> None:
        counter = self._asked.pop(tag, None)
        if counter is not None:
            self._tell(Delivered(aps_counter=counter, success=success))

    def _tell(self, what: Joined | JoinRefused | Left | Delivered) -> None:
        if not isinstance(what, Delivered):
            self._joining = False
        if self._host is not None and not self._closing:
            self._host.event(what)
