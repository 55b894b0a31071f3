"""Be the server that a session script describes: answer when it says so, and with what it says.

A request of the device stays open until the script says what answers it; requests of the kinds that
a step passes over are answered by the hub at once, honestly.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from emulator.units import Octets
from emulator.wire import ota
from emulator.wire.codec import KEYS, Frame
from emulator.wire.ota import Status
from emulator.wire.zcl import DefaultResponse
from harness.bench import Bench
from harness.hub.images import served
from harness.hub.ledger import Heard
from harness.hub.lies import Lie
from harness.hub.server import Hub
from harness.hub.serving import best_image, block_of, offer_of
from harness.hub.settings import Instead
from harness.inquiry import put
from harness.vectors.session_script import Script, Speech
from harness.vectors.session_terms import REQUESTS, VERSIONS, ScriptError, Terms
from harness.verdict import Unsupported

#: Octets of data that a block can announce: the field is one octet (ZCL rev 8, 11.13.8).
LARGEST_BLOCK: Octets = 0xFF
#: Octets that no image has: what is sent beyond honest data.
_FILLER = b"\xee"
#: Fields whose values are members of an enum.
_ENUMS = {"status": Status, "payload_type": ota.NotifyType}


class ScriptedServer:
    """Answer and speak on a bench's hub, as a script says."""

    def __init__(self, bench: Bench, script: Script) -> None:
        self._bench, self._script = bench, script
        self.image = bench.image(bench.version(VERSIONS[script.version]), size=script.size)
        #: The request that waits for its answer, and what requests last had in each field.
        self.open: Heard | None = None
        self.last: dict[str, object] = {}
        speeches = [step.act.speech for step in script.steps if step.act is not None]
        foreign = any(speech is not None and speech.stranger for speech in speeches)
        self._stranger = bench.stranger() if foreign else None

    @property
    def terms(self) -> Terms:
        """Return what the words of the script mean now."""
        return Terms(
            identity=self._bench.identity,
            version=self._bench.version,
            offered=self._bench.version(VERSIONS[self._script.version]),
            whole=len(self.image),
            last=self.last,
        )

    def hear(self, heard: Heard) -> None:
        """Take a request that waits for its answer from now on."""
        if not isinstance(heard.frame, DefaultResponse):
            self.open = heard
            self.last |= _values(heard.frame)

    def hold(self, passing: Sequence[type[Frame]] = ()) -> None:
        """Let the hub answer requests of the passing kinds by itself, and no others."""
        held = [kind for kind in REQUESTS.values() if kind not in passing]
        self._bench.hub.settings.instead = [Instead(kind, None) for kind in held]

    def serve(self, version: str | None) -> None:
        """Serve an image of another version, or none; words as in ``VERSIONS``."""
        if version is None:
            self._bench.hub.serve()
            return
        self.image = self._bench.image(
            self._bench.version(VERSIONS[version]), size=self._script.size
        )
        self._bench.hub.serve(served(self.image))

    def take(self) -> Heard:
        """Return the open request, which is open no more.

        Raises:
            ScriptError: None is.
        """
        heard, self.open = self.open, None
        if heard is None:
            raise ScriptError("answer: found no open request, wanted one")
        return heard

    def answer_honestly(self) -> None:
        """Answer the open request as an honest hub does."""
        heard, hub = self.take(), self._bench.hub
        put(self._bench.lane, hub.wake(self._bench.now))
        answer, settings = hub.answers[type(heard.frame)], hub.settings_of(heard.source)
        put(self._bench.lane, answer(hub, heard.frame, heard.datagram, settings))

    def answer(self, speech: Speech) -> None:
        """Answer the open request with what the script says; a stranger leaves it open."""
        heard = self.take()
        if speech.stranger:
            self.open = heard
        node = self._node(speech)
        put(self._bench.lane, node.wake(self._bench.now))
        frame = self._frame(speech, heard.frame)
        lie = Lie(type(frame), speech.edits)
        node.lies.append(lie)
        try:
            sent = node.answer(frame, heard.datagram)
        finally:
            node.lies.remove(lie)
        put(self._bench.lane, sent)

    def tell(self, speech: Speech) -> None:
        """Send what the script says unasked."""
        frame = self._frame(speech, None if self.open is None else self.open.frame)
        node, broadcast = self._node(speech), speech.broadcast
        self._bench.tell(frame, broadcast=broadcast, edits=speech.edits, by=node)

    def _node(self, speech: Speech) -> Hub:
        return self._stranger if speech.stranger and self._stranger else self._bench.hub

    # Frames.

    def _frame(self, speech: Speech, request: Frame | None) -> Frame:
        """Return a frame whose fields are honest where the script says nothing else."""
        terms, kind = self.terms, speech.kind
        values = self._honest(kind, request)
        described = speech.fields.get("data")
        for name, value in speech.fields.items():
            values[name] = None if name == "data" else terms.value(name, value)
        if isinstance(described, Mapping):
            values["data"] = self._data(described, request)
        for name, members in _ENUMS.items():
            if name in values:
                values[name] = members(values[name])
        return kind(**_there(kind, values, frozenset(speech.fields)))

    def _data(self, described: Mapping[str, int], request: Frame | None) -> bytes:
        """Return data of a block: so many octets, or more than honest, or than were asked for.

        Raises:
            Unsupported: The device asks for so many that no frame can carry more.
        """
        honest: bytes = self._honest(ota.ImageBlockResponse, request)["data"]
        way, number = next(iter(described.items()))
        asked = getattr(request, "maximum_data_size", len(honest))
        size = {"octets": number, "plus": len(honest) + number, "over": asked + number}[way]
        if size > LARGEST_BLOCK:
            raise Unsupported(f"a frame can announce {LARGEST_BLOCK} octets of data, not {size}")
        return honest[:size] + _FILLER * (size - len(honest))

    def _honest(self, kind: type[Frame], request: Frame | None) -> dict[str, Any]:
        """Return what an honest hub would put into a frame of a kind."""
        hub, image = self._bench.hub, served(self.image)
        ids = {
            "manufacturer": image.manufacturer,
            "image_type": image.image_type,
            "file_version": image.file_version,
        }
        if kind is ota.QueryNextImageResponse:
            best = image
            if isinstance(request, ota.QueryNextImageRequest):
                best = best_image((image,), request, self._script.offers) or image
            return _values(offer_of(best))
        if kind is ota.ImageBlockResponse:
            offset = getattr(request, "file_offset", 0)
            limit = hub.settings.block_limit
            size = min(getattr(request, "maximum_data_size", limit), limit)
            waits = {"current_time_s": 0, "request_time_s": 0, "block_period": 0}
            return _values(block_of(image, offset, size)) | waits
        if kind is DefaultResponse:
            command = None if request is None else KEYS[type(request)].command
            return {"command": command, "status": Status.SUCCESS}
        if kind is ota.ImageNotify:
            return {"payload_type": ota.NotifyType.JITTER, "query_jitter": 100, **ids}
        times = {"current_time_s": 0, "upgrade_time_s": 0}
        return {"status": Status.SUCCESS, "image_size": image.image_size, **ids, **times}


def _values(frame: Frame) -> dict[str, Any]:
    return {one.name: getattr(frame, one.name) for one in fields(frame)}  # type: ignore[arg-type]  # a dataclass


def _there(kind: type[Frame], values: Mapping[str, Any], given: frozenset[str]) -> dict[str, Any]:
    """Return the values that a frame with such a status, or payload type, has; and all given."""
    made = {}
    for one in fields(kind):  # type: ignore[arg-type]  # a dataclass
        test = one.metadata.get("when")
        if one.name not in given and test is not None:
            if test.equals is not None and values.get(test.by) != test.equals:
                continue
            if test.at_least is not None and values.get(test.by, 0) < test.at_least:
                continue
        if one.name in values:
            made[one.name] = values[one.name]
    return made
