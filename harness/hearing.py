"""Be what a bench heard of its device: frames by kind, from the air alone."""

from collections.abc import Sequence
from typing import TypeVar

from emulator.contract import Identity
from emulator.wire import ota
from emulator.wire.aps import Datagram
from emulator.wire.codec import Frame
from harness.hub.images import Served
from harness.hub.ledger import Heard, Log
from harness.hub.server import Hub
from harness.trace import Trace, dissect

F = TypeVar("F", bound=Frame)


class Hearing:
    """Find what one device sent, in what hub and trace hold."""

    def __init__(self, hub: Hub, trace: Trace, identity: Identity, name: str) -> None:
        self.hub, self.trace, self.identity, self._name = hub, trace, identity, name

    @property
    def held(self) -> Sequence[Served]:
        """Return every image that the hub has served so far, in order."""
        return self.hub.history

    @property
    def log(self) -> Log:
        """Return what the hub heard from this device, so far as it has joined."""
        address = self.hub.members.get(self.identity.eui64)
        return Log() if address is None else self.hub.log(address)

    def heard(self, kind: type[F]) -> list[F]:
        """Return every frame of one kind that the hub heard from the device, in order."""
        return list(self.log.since(0, kind))

    def heard_at(self, kind: type[Frame]) -> list[Heard]:
        """Return the same with time and datagram."""
        return [one for one in self.log.heard if isinstance(one.frame, kind)]

    def count(self, kind: type[Frame]) -> int:
        """Return how many frames of one kind the hub heard from the device."""
        return self.log.count(kind)

    def last(self, kind: type[F]) -> F:
        """Return the newest frame of one kind.

        Raises:
            AssertionError: None was heard.
        """
        frame = self._newest(kind).frame
        assert isinstance(frame, kind)
        return frame

    def last_datagram(self, kind: type[Frame]) -> Datagram:
        """Return the datagram of the newest frame of one kind, which must have been heard."""
        return self._newest(kind).datagram

    def _newest(self, kind: type[Frame]) -> Heard:
        newest = self.log.newest.get(kind)
        if newest is None:
            raise AssertionError(f"no {kind.__name__} was heard")
        return newest

    def sent_datagrams(self, cluster: int) -> list[Datagram]:
        """Return every datagram of a cluster that the DUT sent, in order."""
        name = self._name
        sent = (one for _, who, one in self.trace.datagrams() if who == name)
        return [one for one in sent if one.cluster == cluster]

    def senders(self, kind: type[Frame]) -> set[int]:
        """Return the NWK addresses of all that sent a kind of frame on this network."""
        frames = ((one, dissect(one)) for _, _, one in self.trace.datagrams())
        return {one.source for one, frame in frames if isinstance(frame, kind)}

    def octets_asked(self) -> int:
        """Return the end of the last block that the device asked for."""
        request = self.last(ota.ImageBlockRequest)
        return request.file_offset + request.maximum_data_size
