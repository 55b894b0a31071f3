"""Answer the ZCL commands that belong to no cluster, on one side of one cluster.

Source: ZCL rev 8, 2.4 and 2.5.
"""

from collections.abc import Sequence

from emulator.actions import Action
from emulator.device.attributes import Attributes, Sources
from emulator.device.radio import Radio
from emulator.errors import WireError
from emulator.ota.client import OtaClient
from emulator.units import Us
from emulator.wire import zcl
from emulator.wire.aps import Datagram
from emulator.wire.codec import Frame
from emulator.wire.ota import Status

#: General, from the client, no Default Response wanted.
ANSWER_CONTROL = 0x10
#: ZCL 2.4.1.1.4: a Default Response is never answered.
DEFAULT_RESPONSE = zcl.GeneralCommand.DEFAULT_RESPONSE


class General:
    """Be the general command server of one cluster side: a client's, or one that ``serves``."""

    def __init__(
        self, radio: Radio, attributes: Attributes, sources: Sources, *, serves: bool = False
    ) -> None:
        self._radio, self._attributes, self._sources = radio, attributes, sources
        self._serves = serves

    def receive(self, datagram: Datagram, client: OtaClient | None, now: Us) -> Sequence[Action]:
        """Take a frame that is none of the cluster's own commands that this side takes.

        Args:
            datagram: What came; any octets.
            client: Who is told of a Default Response; None: nobody here asks anything.
            now: Virtual time in microseconds.
        """
        try:
            header = zcl.split(datagram.payload)
        except WireError:
            return ()  # not even a header: nothing to answer to
        general = header.control & zcl.FRAME_TYPE_MASK == zcl.FrameType.GENERAL
        if header.manufacturer is not None:
            return self.refuse(
                datagram,
                Status.UNSUP_MANUFACTURER_GENERAL_COMMAND
                if general
                else Status.UNSUP_MANUFACTURER_CLUSTER_COMMAND,
            )
        if self._serves and header.control & zcl.FROM_SERVER:
            return self.refuse(datagram, Status.UNSUPPORTED_CLUSTER)  # there is no client side
        if not general or not (self._serves or header.control & zcl.FROM_SERVER):
            return self.refuse(datagram, Status.UNSUP_COMMAND)  # neither side has commands here
        kind = zcl.GENERAL.get(header.command)
        if kind is None:
            return self.refuse(datagram, Status.UNSUP_GENERAL_COMMAND)
        try:
            frame, _ = kind.decode_at(datagram.payload, header.offset)
        except WireError:
            return self.refuse(datagram, Status.MALFORMED_COMMAND)
        if isinstance(frame, zcl.DefaultResponse):
            server = None if client is None else client.server
            if client is None or server is None or server.address != datagram.source:
                return ()
            return client.receive(frame, now)
        answer = self._answer(frame)
        return () if answer is None else self._reply(datagram, answer)

    def _answer(self, frame: Frame) -> Frame | None:
        match frame:
            case zcl.ReadAttributes(attributes=wanted):
                return zcl.ReadAttributesResponse(records=tuple(self._read(one) for one in wanted))
            case zcl.WriteAttributes(records=records):
                return zcl.WriteAttributesResponse(
                    records=tuple(self._write(one.attribute) for one in records)
                )
            case zcl.DiscoverAttributes(start=start, maximum=maximum):
                return self._discover(start, maximum)
            case _:
                return None  # a response: nothing here asks

    def _read(self, attribute: int) -> zcl.ReadAttributeRecord:
        reader = self._attributes.get(attribute)
        value = None if reader is None else reader.read(self._sources)
        if reader is None or value is None:
            return zcl.ReadAttributeRecord(attribute=attribute, status=Status.UNSUPPORTED_ATTRIBUTE)
        return zcl.ReadAttributeRecord(
            attribute=attribute,
            status=Status.SUCCESS,
            type=reader.type,
            value=zcl.pack_value(reader.type, value),
        )

    def _write(self, attribute: int) -> zcl.WriteStatusRecord:
        """Refuse to write: every attribute here is read-only (ZCL 11.10, 3.2.2.2)."""
        known = self._read(attribute).status is Status.SUCCESS
        status = Status.READ_ONLY if known else Status.UNSUPPORTED_ATTRIBUTE
        return zcl.WriteStatusRecord(status=status, attribute=attribute)

    def _discover(self, start: int, maximum: int) -> Frame:
        there = sorted(
            number
            for number, reader in self._attributes.items()
            if number >= start and reader.read(self._sources) is not None
        )
        return zcl.DiscoverAttributesResponse(
            complete=int(len(there) <= maximum),
            records=tuple(
                zcl.AttributeRecord(attribute=number, type=self._attributes[number].type)
                for number in there[:maximum]
            ),
        )

    def refuse(self, datagram: Datagram, status: Status) -> Sequence[Action]:
        """Answer with a Default Response, unless the datagram was broadcast or is one itself."""
        try:
            header = zcl.split(datagram.payload)
        except WireError:
            return ()
        general = header.control & zcl.FRAME_TYPE_MASK == zcl.FrameType.GENERAL
        if datagram.broadcast or (general and header.command == DEFAULT_RESPONSE):
            return ()
        if status is Status.SUCCESS and header.control & zcl.NO_DEFAULT_RESPONSE:
            return ()
        return self._reply(datagram, zcl.DefaultResponse(command=header.command, status=status))

    def strange(self, datagram: Datagram, endpoint: int) -> Sequence[Action]:
        """Refuse a command of a cluster that this endpoint does not have; else keep silent."""
        if datagram.destination_endpoint != endpoint:
            return ()
        return self.refuse(datagram, Status.UNSUPPORTED_CLUSTER)

    def _reply(self, datagram: Datagram, frame: Frame) -> Sequence[Action]:
        header = zcl.split(datagram.payload)
        # The other direction than the request's: what came from a server is answered to it. And
        # the maker's code, if it had one (ZCL 2.5.12.1).
        control = ANSWER_CONTROL | (~header.control & zcl.FROM_SERVER)
        control |= header.control & zcl.MANUFACTURER_SPECIFIC
        answer = zcl.ZclHeader(
            control=zcl.FrameControl(control),
            manufacturer=header.manufacturer,
            sequence=header.sequence,
            command=zcl.GENERAL_IDS[type(frame)],
        )
        return self._radio.send(
            answer.encode() + frame.encode(),
            to=datagram.source,
            endpoint=datagram.source_endpoint,
            cluster=datagram.cluster,
        )
