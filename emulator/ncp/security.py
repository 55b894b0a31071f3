"""Hold the keys of a stick, decide whom its trust centre admits, and answer for both.

What forming or joining fixed is in the tokens; what a host prepared for it, and the transient keys
of joiners, are in RAM.

Source: UG100 (EZSP reference), security frames; ZigBee 05-3474, 4.6.3; 13-0402-13, 10.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import IntEnum, IntFlag
from typing import TYPE_CHECKING, Any, Final

from emulator.crypto.install_code import link_key_of
from emulator.crypto.mmo import aes_mmo
from emulator.errors import InstallCodeError
from emulator.ncp.fields import CurrentSecurityState, InitialSecurityState, NetworkKeyInfo
from emulator.ncp.handlers import answers
from emulator.ncp.nonvolatile import MfgToken, manufacturing
from emulator.ncp.port import WELL_KNOWN_KEY, NetworkParameters, NodeKind
from emulator.ncp.settings import Policy
from emulator.ncp.statuses import Status
from emulator.ncp.tokens import Network
from emulator.units import SECOND, Us
from emulator.wire.codec import pack_integer, unpack_integer

if TYPE_CHECKING:
    from emulator.ncp.ezsp import Request
    from emulator.ncp.stick import Stick

Answer = Mapping[str, Any]


class Initial(IntFlag):
    """Say what an initial security state asks for (EmberInitialSecurityBitmask)."""

    DISTRIBUTED = 0x0002
    GLOBAL_LINK_KEY = 0x0004
    HASHED_LINK_KEYS = 0x0084  # a global link key from which each node's is hashed
    HAVE_TRUST_CENTRE = 0x0040
    HAVE_PRECONFIGURED_KEY = 0x0100
    HAVE_NETWORK_KEY = 0x0200
    NO_FRAME_COUNTER_RESET = 0x1000
    KEY_FROM_INSTALL_CODE = 0x2000


#: The bits that the current state has in common with the initial one, and "has a link key".
_KEPT: Final = 0x0087
_HAVE_LINK_KEY: Final = 0x0010


class Trust(IntFlag):
    """Say whom the trust centre admits: the bits of its policy (EzspDecisionBitmask)."""

    ALLOW_JOINS = 0x01
    ALLOW_UNSECURED_REJOINS = 0x02
    ONLY_INSTALL_CODES = 0x10
    DEFER_JOINS = 0x20


class KeyKind(IntEnum):
    """Name a kind of key to the security manager."""

    NETWORK = 1
    TRUST_CENTRE_LINK = 2
    TRANSIENT = 3
    APPLICATION_LINK = 4


class Flags(IntFlag):
    """Say which part of a key's name counts."""

    INDEX = 0x01
    EUI64 = 0x02


ANYBODY: Final = 0xFFFF_FFFF_FFFF_FFFF  # the EUI-64 of a transient key for every joiner
_MOST_TRANSIENT_KEYS: Final = 64

#: How far the stored frame counter is ahead of the one in use, so that it is rarely written.
COUNTER_STEP: Final = 4096
_COUNTER_LIMIT: Final = 0xFFFF_FFFF


@dataclass(frozen=True, slots=True, kw_only=True)
class TransientKey:
    """Be a link key for a joiner, until ``until``."""

    eui64: int
    key: bytes
    until: Us


class Security:
    """Hold the security of a stick since its last reset; what lasts is in the tokens."""

    def __init__(self) -> None:
        #: What the host prepared for forming or joining, None until it has.
        self.initial: InitialSecurityState | None = None
        self._transient: dict[int, TransientKey] = {}
        self._frame_counter: int | None = None  # None: as the tokens say

    # Forming, joining and leaving.

    def founding_key(self, stick: Stick) -> bytes:
        """Return the network key to form with: the host's, or one of the stick's own."""
        initial = self._prepared()
        if initial.bitmask & Initial.HAVE_NETWORK_KEY:
            return initial.network_key
        # A real stick draws one; runs are to be alike here.
        seed = pack_integer(stick.eui64, 8) + pack_integer(self.frame_counter(stick), 4)
        return aes_mmo(b"network key" + seed)

    def joining_key(self, stick: Stick) -> bytes:
        """Return the link key to join with: prepared, of the install code, or the well-known one.

        Raises:
            InstallCodeError: It is to be the install code's, and there is none.
        """
        network = stick.tokens.network
        if self.initial is None:
            return WELL_KNOWN_KEY if network is None else network.link_key
        if self.initial.bitmask & Initial.KEY_FROM_INSTALL_CODE:
            return link_key_of(_install_code(stick))
        if self.initial.bitmask & Initial.HAVE_PRECONFIGURED_KEY:
            return self.initial.preconfigured_key
        return WELL_KNOWN_KEY

    def formed(self, stick: Stick, parameters: NetworkParameters, network_key: bytes) -> None:
        """Keep, as the coordinator and trust centre, what the network was formed with."""
        initial = self._prepared()
        if not initial.bitmask & Initial.NO_FRAME_COUNTER_RESET:
            self.restart_counter(stick, 0)
        have = initial.bitmask & Initial.HAVE_PRECONFIGURED_KEY
        self._keep(
            stick,
            Network(
                parameters=parameters,
                node_kind=NodeKind.COORDINATOR,
                address=0,
                network_key=network_key,
                network_key_sequence=initial.network_key_sequence,
                alternate_key=None,
                alternate_sequence=0,
                link_key=initial.preconfigured_key if have else WELL_KNOWN_KEY,
                bitmask=initial.bitmask & _KEPT | _HAVE_LINK_KEY,
                trust_centre=stick.eui64,
            ),
        )

    def joined(self, stick: Stick, kind: NodeKind) -> None:
        """Keep what joining or rejoining brought: the place has the parameters and the keys."""
        place, old = stick.place, stick.tokens.network
        parameters, address = place.parameters, place.address
        if parameters is None or address is None:
            raise RuntimeError(f"{stick.name}: joined, yet the place has no network")
        bits = 0 if self.initial is None else self.initial.bitmask
        bitmask = bits & _KEPT | _HAVE_LINK_KEY
        self._keep(
            stick,
            Network(
                parameters=parameters,
                node_kind=kind,
                address=address,
                network_key=place.network_key() or bytes(16),
                network_key_sequence=0 if old is None else old.network_key_sequence,
                alternate_key=None,
                alternate_sequence=0,
                link_key=self.joining_key(stick),
                bitmask=bitmask if old is None or self.initial is not None else old.bitmask,
                trust_centre=place.eui64_of(0) or 0,
            ),
        )

    def left(self, stick: Stick) -> None:
        """Forget the network that was left; the key table stays, as in the firmware."""
        stick.tokens = replace(stick.tokens, network=None)
        self.forget()

    def forget(self) -> None:
        """Forget what was prepared, and where the frame counter stood."""
        self.initial = None
        self._frame_counter = None

    def _prepared(self) -> InitialSecurityState:
        if self.initial is None:
            raise RuntimeError("no initial security state: the host is to be refused before")
        return self.initial

    def _keep(self, stick: Stick, network: Network) -> None:
        stick.tokens = replace(stick.tokens, network=network)
        self.initial = None

    # Frame counters.

    def frame_counter(self, stick: Stick) -> int:
        """Return the outgoing NWK frame counter."""
        if self._frame_counter is None:
            return stick.tokens.network_frame_counter
        return self._frame_counter

    def count(self, stick: Stick) -> None:
        """Count a frame that is secured with the network key."""
        number = min(self.frame_counter(stick) + 1, _COUNTER_LIMIT)
        self._frame_counter = number
        if number > stick.tokens.network_frame_counter:
            ahead = min(number - 1 + COUNTER_STEP, _COUNTER_LIMIT)
            stick.tokens = replace(stick.tokens, network_frame_counter=ahead)

    def restart_counter(self, stick: Stick, number: int) -> None:
        """Set the outgoing NWK frame counter."""
        self._frame_counter = None
        stick.tokens = replace(stick.tokens, network_frame_counter=number)

    # The trust centre.

    def key_for(self, stick: Stick, eui64: int, now: Us) -> bytes | None:
        """Return the link key that a joiner must hold, None if it is not admitted.

        A key of its own counts before one for everybody; with the policy for install codes, only
        that does. Without either, a global link key that is not hashed is everybody's.
        """
        policy = stick.settings.policy(Policy.TRUST_CENTRE)
        if not policy & Trust.ALLOW_JOINS or policy & Trust.DEFER_JOINS:
            return None
        own = self.transient(eui64, now)
        if own is not None or policy & Trust.ONLY_INSTALL_CODES:
            return None if own is None else own.key
        line = stick.tokens.link_key_of(eui64)
        if line is not None:
            return line.key
        wildcard = self.transient(ANYBODY, now)
        if wildcard is not None:
            return wildcard.key
        network = stick.tokens.network
        if network is not None and network.bitmask & _KEPT == Initial.GLOBAL_LINK_KEY:
            return network.link_key
        return None

    def transient(self, eui64: int, now: Us) -> TransientKey | None:
        """Return the transient key for a joiner, or for everybody, None if there is none."""
        found = self._transient.get(eui64)
        return found if found is not None and now < found.until else None

    def transients(self, now: Us) -> list[TransientKey]:
        """Return the transient keys that have not lapsed, in the order of their coming."""
        self._transient = {key: one for key, one in self._transient.items() if now < one.until}
        return list(self._transient.values())

    def admit(self, eui64: int, key: bytes, now: Us, seconds: int) -> Status:
        """Take a transient key for a time."""
        if len(self.transients(now)) >= _MOST_TRANSIENT_KEYS and eui64 not in self._transient:
            return Status.TABLE_FULL
        until = now + seconds * SECOND
        self._transient[eui64] = TransientKey(eui64=eui64, key=key, until=until)
        return Status.OK

    def clear_transients(self) -> None:
        """Forget every transient key."""
        self._transient.clear()


def _install_code(stick: Stick) -> bytes:
    """Return the install code of the manufacturing token, its CRC included."""
    token = manufacturing(stick, MfgToken.INSTALL_CODE)
    sizes = {0x0000: 6, 0x0002: 8, 0x0004: 12, 0x0006: 16}
    flags = unpack_integer(token[:2])
    if flags not in sizes:
        raise InstallCodeError("install code: found none in the manufacturing token, wanted one")
    return token[2 : 2 + sizes[flags]] + token[-2:]


# The states.


@answers("setInitialSecurityState")
def _set_initial_security_state(stick: Stick, request: Request) -> Answer:
    if stick.place.address is not None:
        return {"status": Status.INVALID_STATE}
    state: InitialSecurityState = request.values["state"]
    if state.bitmask & Initial.KEY_FROM_INSTALL_CODE:
        try:
            link_key_of(_install_code(stick))
        except InstallCodeError as error:
            stick.log(f"{stick.name}: {error}")
            return {"status": Status.INVALID_CONFIGURATION}
    stick.security.initial = state
    return {"status": Status.OK}


@answers("getCurrentSecurityState")
def _get_current_security_state(stick: Stick, _: Request) -> Answer:
    network = stick.tokens.network
    if network is None or stick.place.address is None:
        return {"status": Status.NOT_JOINED}
    state = CurrentSecurityState(bitmask=network.bitmask, trust_centre=network.trust_centre)
    return {"status": Status.OK, "state": state}


@answers("getNetworkKeyInfo")
def _get_network_key_info(stick: Stick, _: Request) -> Answer:
    network = stick.tokens.network
    info = NetworkKeyInfo(
        is_set=network is not None,
        alternate_is_set=network is not None and network.alternate_key is not None,
        sequence=0 if network is None else network.network_key_sequence,
        alternate_sequence=0 if network is None else network.alternate_sequence,
        frame_counter=stick.security.frame_counter(stick),
    )
    return {"status": Status.OK, "info": info}
