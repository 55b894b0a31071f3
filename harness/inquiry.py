"""Ask a device over the air: attributes of its OTA client, and ZDO requests."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from emulator.actions import Action, Send
from emulator.units import Us
from emulator.wire import ota, zcl
from emulator.wire.codec import Frame
from harness.absence import FACTOR, Absence, Patience
from harness.hub.ledger import Log
from harness.hub.server import Hub
from harness.lanes.port import Carrier, never
from harness.verdict import Inconclusive

F = TypeVar("F", bound=Frame)


class Answer(NamedTuple):
    """Be what a device answered to a read: a status, and the value where there is one."""

    status: int
    type: int | None
    value: int | bytes | None


def put(lane: Carrier, actions: Sequence[Action]) -> None:
    """Send what a hub wants to say of its own accord, and look at what it put off."""
    for action in actions:
        if isinstance(action, Send):
            lane.send(action.datagram)
    lane.refresh()


class Inquiry:
    """Ask one device, and wait for its answers."""

    def __init__(self, hub: Hub, lane: Carrier, log: Callable[[], Log], limit_us: Us) -> None:
        self._hub, self._lane, self._log, self._limit_us = hub, lane, log, limit_us
        self._patience = Patience()

    def provoke(self, kind: type[Frame], stimulus: Callable[[], object], limit_us: Us) -> bool:
        """Do something, wait for the answer, remember how late it came; tell whether it came."""
        before, began = self._log().count(kind), self._lane.now
        stimulus()
        came = self._lane.run(lambda: self._log().count(kind) > before, limit_us)
        if came:
            self._patience.came(kind, self._lane.now - began)
        return came

    def silence(
        self, kind: type[F], stimulus: Callable[[], object], like: type[Frame], least_us: Us
    ) -> tuple[Absence, list[F]]:
        """Do something, wait for what must not come, and return what came.

        Args:
            kind: What must not come.
            stimulus: What is done.
            like: Kind whose latest answer is the measure.
            least_us: Lateness that counts at least.

        Raises:
            Inconclusive: No answer of the kind came so far.
        """
        latest_us = self._patience.latest(like)
        if latest_us is None:
            raise Inconclusive(f"no control was answered with a {like.__name__}")
        latest_us = max(latest_us, least_us)
        mark, wait_us = len(self._log().heard), FACTOR * latest_us
        stimulus()
        self._lane.run(never, wait_us)
        came = list(self._log().since(mark, kind))
        name, count = kind.__name__, len(came)
        return Absence(kind=name, waited_us=wait_us, latest_us=latest_us, heard=count), came

    def answer(self, kind: type[F], actions: Sequence[Action]) -> F | None:
        """Send something, and return the first answer of a kind; None if none comes."""
        mark = len(self._log().heard)
        if not self.provoke(kind, lambda: put(self._lane, actions), self._limit_us):
            return None
        return next(self._log().since(mark, kind))

    def read(
        self, address: int, attributes: Sequence[int], cluster: int = ota.CLUSTER
    ) -> tuple[Answer, ...]:
        """Read attributes; empty if the device does not answer at all."""
        request = zcl.ReadAttributes(attributes=tuple(attributes))
        asked = self._hub.general(request, address, cluster)
        response = self.answer(zcl.ReadAttributesResponse, asked)
        if response is None:
            return ()
        return tuple(
            Answer(
                record.status,
                record.type,
                None
                if record.value is None or record.type is None
                else zcl.unpack_value(record.type, record.value),
            )
            for record in response.records
        )

    def write(
        self, address: int, attribute: int, type: int, value: int
    ) -> zcl.WriteAttributesResponse | None:
        """Try to write an attribute; None if the device does not answer."""
        record = zcl.WriteAttributeRecord(
            attribute=attribute, type=zcl.DataType(type), value=zcl.pack_value(type, value)
        )
        request = zcl.WriteAttributes(records=(record,))
        return self.answer(zcl.WriteAttributesResponse, self._hub.general(request, address))
