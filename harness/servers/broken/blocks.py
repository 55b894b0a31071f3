"""Break how a hub serves blocks."""

from dataclasses import replace
from typing import Any

from emulator.units import Us
from emulator.wire import ota, zcl
from emulator.wire.aps import Datagram
from emulator.wire.ota import BlockControl, Status
from harness.hub.images import Served
from harness.hub.serving import block_of
from harness.hub.settings import Settings
from harness.servers.broken.hub import Actions, Replaced


class Blocks(Replaced):
    """Find the image that a block request names."""

    def _named(self, request: ota.ImageBlockRequest) -> Served | None:
        for one in self.images:
            if one.file_version == request.file_version:
                return one
        return None


class IgnoresTheMaximum(Blocks):
    """Be a hub that sends blocks of its own size whatever the client has room for."""

    def _on_block(
        self, request: ota.ImageBlockRequest, datagram: Datagram, settings: Settings
    ) -> Actions:
        larger = replace(request, maximum_data_size=max(40, request.maximum_data_size))
        return super()._on_block(larger, datagram, settings)


class CountsOffsetsItself(Blocks):
    """Serve what comes next by its own count, which a query sets back."""

    def __init__(self, **more: Any) -> None:  # noqa: ANN401 - the fields of a hub
        super().__init__(**more)
        self._next: dict[int, int] = {}

    def _on_query(
        self, query: ota.QueryNextImageRequest, datagram: Datagram, settings: Settings
    ) -> Actions:
        self._next[datagram.source] = 0
        return super()._on_query(query, datagram, settings)

    def _on_block(
        self, request: ota.ImageBlockRequest, datagram: Datagram, settings: Settings
    ) -> Actions:
        one, at = self._named(request), self._next.get(datagram.source, 0)
        if one is None or request.file_offset >= len(one.octets):
            return super()._on_block(request, datagram, settings)
        block = block_of(one, at, min(request.maximum_data_size, settings.block_limit))
        self._next[datagram.source] = at + len(block.data or b"")
        return self.answer(replace(block, file_offset=request.file_offset), datagram)


class EndsTooSoon(Blocks):
    """Take a rest of less than four octets for the end of the file."""

    def _on_block(
        self, request: ota.ImageBlockRequest, datagram: Datagram, settings: Settings
    ) -> Actions:
        one = self._named(request)
        if one is not None and request.file_offset + 4 > len(one.octets):
            return self.answer(ota.ImageBlockResponse(status=Status.ABORT), datagram)
        return super()._on_block(request, datagram, settings)


class ServesNothingBehindTheEnd(Blocks):
    """Be a hub that serves empty blocks behind the end of the file."""

    def _on_block(
        self, request: ota.ImageBlockRequest, datagram: Datagram, settings: Settings
    ) -> Actions:
        one = self._named(request)
        if one is not None and request.file_offset >= len(one.octets):
            return self.answer(block_of(one, request.file_offset, 0), datagram)
        return super()._on_block(request, datagram, settings)


class WrapsAround(Blocks):
    """Be a hub that takes the low 24 bits of an offset."""

    def _on_block(
        self, request: ota.ImageBlockRequest, datagram: Datagram, settings: Settings
    ) -> Actions:
        at = request.file_offset & 0xFFFFFF
        return super()._on_block(replace(request, file_offset=at), datagram, settings)


class Grudge(Blocks):
    """Be silent to a device for ever once it did something."""

    def __init__(self, **more: Any) -> None:  # noqa: ANN401 - the fields of a hub
        super().__init__(**more)
        self._silent: set[int] = set()

    def _on_block(
        self, request: ota.ImageBlockRequest, datagram: Datagram, settings: Settings
    ) -> Actions:
        if datagram.source in self._silent:
            return ()
        return super()._on_block(request, datagram, settings)


class WedgedByTheEnd(Grudge):
    """Be a hub that serves a device no more that asked behind the end."""

    def _on_block(
        self, request: ota.ImageBlockRequest, datagram: Datagram, settings: Settings
    ) -> Actions:
        answered = super()._on_block(request, datagram, settings)
        one = self._named(request)
        if one is not None and request.file_offset >= len(one.octets):
            self._silent.add(datagram.source)
        return answered


class WedgedByAComplaint(Grudge):
    """Be a hub that serves a device no more that called a block malformed."""

    def _on_general(self, datagram: Datagram, now: Us) -> Actions:
        if datagram.payload[-1:] == bytes((Status.MALFORMED_COMMAND,)):
            self._silent.add(datagram.source)
        return super()._on_general(datagram, now)


class WedgedByAStorm(Grudge):
    """Hold twenty requests of one moment; a queue that was full once never drains."""

    def __init__(self, **more: Any) -> None:  # noqa: ANN401 - the fields of a hub
        super().__init__(**more)
        self._burst: tuple[Us, int] = (-1, 0)

    def _on_block(
        self, request: ota.ImageBlockRequest, datagram: Datagram, settings: Settings
    ) -> Actions:
        at, count = self._burst
        count = count + 1 if at == self._now else 1
        self._burst = (self._now, count)
        if count > 20:
            self._silent.add(datagram.source)
        return super()._on_block(request, datagram, settings)


class LosesPatience(Grudge):
    """Take a device that begins ten times for broken."""

    def __init__(self, **more: Any) -> None:  # noqa: ANN401 - the fields of a hub
        super().__init__(**more)
        self._begun: dict[int, int] = {}

    def _on_query(
        self, query: ota.QueryNextImageRequest, datagram: Datagram, settings: Settings
    ) -> Actions:
        self._begun[datagram.source] = self._begun.get(datagram.source, 0) + 1
        if self._begun[datagram.source] > 10:
            self._silent.add(datagram.source)
        return super()._on_query(query, datagram, settings)


class ServesWhateverItHas(Blocks):
    """Be a hub that serves what it holds under whatever version is asked for."""

    def _on_block(
        self, request: ota.ImageBlockRequest, datagram: Datagram, settings: Settings
    ) -> Actions:
        if self._named(request) is None and self.images:
            request = replace(request, file_version=self.images[0].file_version)
        return super()._on_block(request, datagram, settings)


class StumblesOverTheAddress(Blocks):
    """Be a hub that calls a request malformed that names address and period."""

    def _on_block(
        self, request: ota.ImageBlockRequest, datagram: Datagram, settings: Settings
    ) -> Actions:
        both = BlockControl.NODE_ADDRESS | BlockControl.BLOCK_PERIOD
        if request.control & both == both:
            return self.default_response(datagram, Status.MALFORMED_COMMAND)
        return super()._on_block(request, datagram, settings)


class WantsThePeriod(Replaced):
    """Be a hub that calls a request malformed that announces a period and leaves it out."""

    def _on_ota(self, datagram: Datagram, now: Us) -> Actions:
        payload = datagram.payload
        promised = len(payload) == 17 and payload[2:4] == b"\x03\x02"
        if promised:
            return self.default_response(datagram, Status.MALFORMED_COMMAND)
        return super()._on_ota(datagram, now)


class LeavesTheRate(Blocks):
    """Be a hub that serves at whatever rate the client reports."""

    def _on_block(
        self, request: ota.ImageBlockRequest, datagram: Datagram, settings: Settings
    ) -> Actions:
        return super()._on_block(request, datagram, replace(settings, block_period=None))


class WaitsForEver(Blocks):
    """Be a hub that lets a client wait that keeps its rate."""

    def _on_block(
        self, request: ota.ImageBlockRequest, datagram: Datagram, settings: Settings
    ) -> Actions:
        if settings.block_period is not None:
            request = replace(request, control=BlockControl.BLOCK_PERIOD, block_period=0xFFFE)
        return super()._on_block(request, datagram, settings)


class DropsDuplicates(Replaced):
    """Be a hub that drops a request that came twice."""

    def __init__(self, **more: Any) -> None:  # noqa: ANN401 - the fields of a hub
        super().__init__(**more)
        self._last = b""

    def _on_ota(self, datagram: Datagram, now: Us) -> Actions:
        known = self._last == datagram.payload
        self._last = datagram.payload
        return () if known else super()._on_ota(datagram, now)


class TakesAnyFrameType(Replaced):
    """Be a hub that takes frames of a reserved type for commands."""

    def _on_ota(self, datagram: Datagram, now: Us) -> Actions:
        payload = datagram.payload
        if payload and payload[0] & zcl.FRAME_TYPE_MASK == 0x02:
            datagram = replace(datagram, payload=b"\x01" + payload[1:])
        return super()._on_ota(datagram, now)


class LooksAtNoDirection(Replaced):
    """Be a hub that takes a frame from a server for a request."""

    def _on_ota(self, datagram: Datagram, now: Us) -> Actions:
        payload = datagram.payload
        if payload and payload[0] & zcl.FRAME_TYPE_MASK == zcl.FrameType.CLUSTER:
            datagram = replace(datagram, payload=b"\x01" + payload[1:])
        return super()._on_ota(datagram, now)


class ForgetsItsImages(Blocks):
    """Begin to count again when it restarts."""

    def __init__(self, **more: Any) -> None:  # noqa: ANN401 - the fields of a hub
        super().__init__(**more)
        self._restarted = False

    def crash(self) -> None:
        super().crash()
        self._restarted = True

    def _on_query(
        self, query: ota.QueryNextImageRequest, datagram: Datagram, settings: Settings
    ) -> Actions:
        self._restarted = False
        return super()._on_query(query, datagram, settings)

    def _on_block(
        self, request: ota.ImageBlockRequest, datagram: Datagram, settings: Settings
    ) -> Actions:
        one = self._named(request)
        if self._restarted and one is not None:
            block = block_of(one, 0, min(request.maximum_data_size, settings.block_limit))
            return self.answer(replace(block, file_offset=request.file_offset), datagram)
        return super()._on_block(request, datagram, settings)
