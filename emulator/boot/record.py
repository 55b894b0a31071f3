"""Keep small records in flash so that a power cut never loses the only valid copy.

``RecordLog`` is the store, for the boot loader and for any other state that outlives power;
``BootRecord`` is what the boot loader keeps in one.
"""

from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import Annotated, Generic
from zlib import crc32

from emulator.errors import FlashError, TruncatedError, WireError, WornError
from emulator.flash.area import Area
from emulator.units import Octets
from emulator.wire.codec import U8, U16, U32, Counted, F, Fixed, Frame, Many, UInt, frame

#: Stands for the fields that an older firmware did not write.
_ABSENT = bytes(64)
#: First octets of each record in flash: "HnvR".
_MAGIC = 0x52766E48


@frame
class RecordHead(Frame):
    """Frame a record in flash; ``RecordCheck`` follows, then padding to a program unit."""

    magic: U32
    layout: U16  # version of the payload's layout
    sequence: U32  # counts the records of one log; the highest wins
    payload: Annotated[bytes, Counted(2)]


@frame
class RecordCheck(Frame):
    """Close a record: CRC-32 (as in zlib) of all octets of its ``RecordHead``."""

    crc: U32


_MAGIC_OCTETS = RecordHead(magic=_MAGIC, layout=0, sequence=0, payload=b"").encode()[:4]


class RecordLog(Generic[F]):
    """Append whole records to sectors of flash; the newest valid one is the state.

    Rules that make every cut harmless:

    * The sector with the newest record is never erased; the next one is, and takes the next record,
      when the newest one's is full.
    * The first write after opening takes a new sector too: a program cut at power loss may have
      used up units without a trace, so nothing is ever appended behind what an earlier life wrote.
    * What is torn or half erased fails its check value and is skipped.

    A record may grow within its layout version by fields at its end: an older firmware reads what
    it knows and writes the rest back as it was, a newer one reads fields that are absent as zero.
    Any other change is a new layout version.

    The log reads flash when it is opened and remembers; after ``PowerLost`` open another.
    """

    def __init__(
        self,
        area: Area,
        kind: type[F],
        *,
        layout: int = 1,
        older: Mapping[int, Callable[[bytes], F]] | None = None,
    ) -> None:
        """Scan the area.

        Args:
            area: At least two sectors, this log's alone.
            kind: What the records are.
            layout: Layout version that is written.
            older: How to read the payload of each older layout version that is still understood.

        Raises:
            ValueError: The area has one sector only.
        """
        if len(area.sectors()) < 2:
            raise ValueError("a record log needs two sectors, so that one copy always stays")
        self._area = area
        self._layout = layout
        self._kind = kind
        self._tail = b""  # what a newer firmware wrote behind the fields that are known
        self._readers = {layout: self._decode, **(older or {})}
        self._sector_size = area.geometry.erase_size_octets
        self._unit = area.geometry.program_size_octets
        self._newest: RecordHead | None = None
        self._sector = self._sector_size * (len(area.sectors()) - 1)
        self._scan()
        #: Where the next record goes; None: into a new sector.
        self._at: Octets | None = None
        #: A sector that was erased for it before it is needed.
        self._ready: Octets | None = None
        self._record: F | None = None

    @property
    def sequence(self) -> int:
        """Return the sequence number of the newest record, 0 if there is none."""
        return 0 if self._newest is None else self._newest.sequence

    def read(self) -> F | None:
        """Return the newest valid record, None if there is none.

        Raises:
            WireError: It has a layout version that this firmware does not know, or lies about it.
                An older record is no substitute: it may undo what the newest one says.
        """
        if self._record is None and self._newest is not None:
            self._record = self._reader(self._newest)(self._newest.payload)
        return self._record

    def write(self, record: F) -> None:
        """Append a record as one program operation, after at most one erase.

        Raises:
            PowerLost: The supply was cut; the next opening finds this record or the one before it.
            WornError: No sector but that of the newest record takes an erase any more.
            WireError: The newest record's layout version is unknown; it is not buried.
            ValueError: The record does not fit into a sector.
        """
        self.read()
        head, octets = self._framed(record, self.sequence + 1)
        at = self._at
        if at is None or at + len(octets) > self._sector + self._sector_size:
            at = self._sector = self._new_sector() if self._ready is None else self._ready
            self._ready = None
        self._area.program(at, octets)
        self._at = at + len(octets)
        self._newest, self._record = head, record

    def make_room(self) -> None:
        """Erase a sector now if the next record, of the size of the newest, needed it.

        Raises:
            PowerLost: The supply was cut.
            WornError: No sector but that of the newest record takes an erase any more.
        """
        if self._newest is None or self._ready is not None:
            return
        octets = len(_record_octets(self._newest))
        octets += -octets % self._unit
        if self._at is None or self._at + octets > self._sector + self._sector_size:
            self._ready = self._new_sector()

    def _new_sector(self) -> Octets:
        """Return the next sector that can be erased, erased."""
        size, at = self._sector_size, self._sector
        while True:
            at = (at + size) % self._area.size
            try:
                self._area.erase(at, size)
            except WornError:
                if (at + size) % self._area.size == self._sector:
                    raise  # the next one holds the newest record
            else:
                return at

    def purge(self) -> None:
        """Leave no octet of what older records said; no operation where there is none.

        The newest record is written once more, alone in a sector, and all others are erased. A cut
        in it leaves that record the newest; call again after opening the log.

        Raises:
            PowerLost: The supply was cut.
            WornError: A sector takes no erase; the others are erased.
        """
        record = self.read()
        if record is None or not self._is_littered():
            return
        self._at = None
        self.write(record)
        worn = None
        for sector in self._area.sectors():
            if sector != self._sector and not self._is_blank(sector, self._sector_size):
                try:
                    self._area.erase(sector, self._sector_size)
                except WornError as error:
                    worn = error
        if worn is not None:
            raise worn

    def _is_littered(self) -> bool:
        """Tell whether flash holds anything beside the newest record."""
        others = [sector for sector in self._area.sectors() if sector != self._sector]
        content = self._area.read(self._sector, self._sector_size)
        octets = b"" if self._newest is None else _record_octets(self._newest)
        erased = bytes([self._area.geometry.erased_value])
        alone = content.startswith(octets) and content[len(octets) :].strip(erased) == b""
        return not (alone and all(self._is_blank(one, self._sector_size) for one in others))

    def _is_blank(self, at: Octets, length: Octets) -> bool:
        erased = bytes([self._area.geometry.erased_value])
        return self._area.read(at, length).strip(erased) == b""

    def preload(self, record: F) -> None:
        """Write the first record in the factory: not counted, not logged, never cut.

        Raises:
            FlashError: The log has a record already.
        """
        if self._newest is not None:
            raise FlashError(f"log has record {self._newest.sequence}: not new from the factory")
        head, octets = self._framed(record, 1)
        self._area.preload(0, octets)
        self._sector, self._at = 0, None
        self._newest, self._record = head, record

    def _framed(self, record: F, sequence: int) -> tuple[RecordHead, bytes]:
        """Return a record's frame, and its octets padded to program units."""
        head = RecordHead(
            magic=_MAGIC,
            layout=self._layout,
            sequence=sequence,
            payload=record.encode() + self._tail,
        )
        octets = _record_octets(head)
        erased = bytes([self._area.geometry.erased_value])
        octets += erased * (-len(octets) % self._unit)
        if len(octets) > self._sector_size:
            raise ValueError(f"record of {len(octets)} octets, sector of {self._sector_size}")
        return head, octets

    def _decode(self, payload: bytes) -> F:
        try:
            record, self._tail = self._kind.decode(payload)
        except TruncatedError:
            record, self._tail = self._kind.decode(payload + _ABSENT)[0], b""
        return record

    def _reader(self, head: RecordHead) -> Callable[[bytes], F]:
        if head.layout not in self._readers:
            raise WireError(f"record layout {head.layout}, known are {sorted(self._readers)}")
        return self._readers[head.layout]

    def _scan(self) -> None:
        """Find the newest valid record and its sector."""
        for sector in self._area.sectors():
            content = self._area.read(sector, self._sector_size)
            at = content.find(_MAGIC_OCTETS)
            while at >= 0:
                head, end = _record_at(content, at)
                if head is not None and head.sequence > self.sequence:
                    self._newest, self._sector = head, sector
                at = content.find(_MAGIC_OCTETS, end)


def _record_octets(head: RecordHead) -> bytes:
    """Return a record as it stands in flash, without padding."""
    octets = head.encode()
    return octets + RecordCheck(crc=crc32(octets)).encode()


def _record_at(content: bytes, at: Octets) -> tuple[RecordHead | None, Octets]:
    """Read the record at an offset; None, and where to look on, if its octets are no valid one."""
    try:
        head, end = RecordHead.decode_at(content, at)
        check, after = RecordCheck.decode_at(content, end)
    except WireError:
        return None, at + 1
    return (head, after) if check.crc == crc32(content[at:end]) else (None, at + 1)


# What the boot loader keeps.


class BootState(IntEnum):
    """Say where a bridge is between two images."""

    STEADY = 0  # the active slot runs; nothing is under way
    PENDING = 1  # the candidate slot is to be tried at the next boot
    TRIAL = 2  # the candidate slot runs, or did when power went; not confirmed
    REVERT = 3  # the trial failed; the next boot runs the active slot


class Standing(IntEnum):
    """Say what may be expected of the image in a slot."""

    ABSENT = 0  # nothing to count on: the slot is erased, half written or found corrupt
    PRESENT = 1  # verified when it was stored; the digest tells whether it still is
    FAILED = 2  # as PRESENT, but its trial failed


@frame
class SlotFacts(Frame):
    """State the facts of an image in a slot."""

    standing: Annotated[Standing, UInt(1)] = Standing.PRESENT
    manufacturer: U16
    image_type: U16
    file_version: U32
    size: U32  # octets, from the slot's first
    digest: Annotated[bytes, Fixed(32)]  # SHA-256 of these octets
    security_counter: U32 = 0


#: The facts of a slot that holds nothing.
NO_IMAGE = SlotFacts(
    standing=Standing.ABSENT,
    manufacturer=0,
    image_type=0,
    file_version=0,
    size=0,
    digest=bytes(32),
)


def held(facts: SlotFacts) -> SlotFacts | None:
    """Return the facts of an image, None where there is nothing to count on."""
    return None if facts.standing is Standing.ABSENT else facts


@frame
class BootRecord(Frame):
    """Hold all that the boot loader knows; layout version 1.

    ``images`` has the facts of each slot in order, then those of the image whose trial failed last
    (``NO_IMAGE`` if none did): keep the number of slots in mind when reading it. ``reserved``
    octets are zero in this version and are kept by a loader that does not know them; the four
    fields before them were such octets once, which an older loader keeps as well.
    """

    state: Annotated[BootState, UInt(1)] = BootState.STEADY
    active: U8  # slot that runs when nothing is under way; in a trial, the one to fall back to
    candidate: U8 = 0  # slot under trial; of no meaning in STEADY
    trial_boots: U8 = 0  # boots of the candidate begun in this trial
    trial_s: U32 = 0  # powered seconds of this trial, as last checkpointed
    swap_step: U16 = 0  # for the swap scheme: how many steps are done
    pause_s: U32 = 0  # powered seconds of this trial that did not count
    counter: U32 = 0  # highest security counter of an image that was confirmed
    retry_wait_s: U32 = 0  # powered seconds until the image that failed last may be tried again
    failures: U8 = 0  # how many trials of that image failed
    reserved: Annotated[bytes, Fixed(19)] = bytes(19)
    images: Annotated[tuple[SlotFacts, ...], Many(SlotFacts)]
