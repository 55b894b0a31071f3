"""Judge the promises of bridges and homes, from what is sent, reported and held at each boot.

Source: design, section 8; gb-alt-han section 5.
"""

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field

from emulator.faults import CutKind, WornSector
from emulator.profiles.model import BootScheme, Profile
from emulator.profiles.switches import Resume
from emulator.wire import ota
from emulator.wire.aps import Datagram
from emulator.wire.codec import Frame
from emulator.wire.ota import Status
from harness.sweep.lives import Flaw, Life

PROMISES: dict[int, str] = {
    1: "it boots",
    2: "what boots was verified",
    3: "an offered update is not lost",
    4: "a confirmed image is never undone",
    5: "an image that cannot reach the hub is undone, and neither looped nor refused for ever",
    6: "frame counters never go back",
    7: "flash that wears out is reported, what it was for is refused, and the bridge goes on",
    8: "no home ends with a bridge that nobody can reach",
}

#: What is owed after each kind of cut; a new kind of fault is one line here.
OWED: Mapping[str, frozenset[int]] = {
    **dict.fromkeys((*CutKind, "idle"), frozenset(PROMISES)),
    "worn": frozenset(PROMISES) - {3},  # an update may need the sector
}


class Broken(Exception):
    """A promise is broken.

    Args:
        promise: Its number.
        found: What the bridge did.
    """

    def __init__(self, promise: int, found: str) -> None:
        super().__init__(f"promise {promise} ({PROMISES[promise]}): {found}")
        self.promise, self.found = promise, found


@dataclass(slots=True)
class Past:
    """Be what the judge remembers of a life."""

    version: int = 0  # what booted last
    confirmed: int = -1  # rank of the image that reached the hub and was answered
    tries: int = 0  # boots of an image that must not stay, since it was installed
    installs: int = 0  # how often it was fetched again after a trial
    told: int = 0  # version that the bridge said is good, 0: none
    loading: int = 0  # version that it asked for last
    floor: int = 0  # offset of it below which no download goes on
    resumed: bool = False  # the next block request is the first since a power on
    trial: bool = False
    trial_cuts: int = 0
    pardoned: bool = False  # a notify asked for another attempt
    worn: bool = False  # the bridge said that flash is worn
    #: Key id and frame counter of the last frame that was sent.
    mark: tuple[int, int] = field(default=(-1, -1))

    def likeness(self) -> tuple[object, ...]:
        """Return what decides later judgements; the mark is compared at each frame instead."""
        return (
            *(self.version, self.confirmed, self.tries, self.installs, self.told),
            *(self.loading, self.floor),
            *(self.resumed, self.trial, self.trial_cuts, self.pardoned, self.worn),
        )


class Judge:
    """Hear what happens in a life, and raise ``Broken`` where a promise is."""

    def __init__(self, life: Life, profile: Profile, images: Mapping[int, bytes]) -> None:
        self._life, self._images = life, images
        self._trial_boots = profile.boot.trial_boots
        self._retries = profile.boot.retries
        self._type = profile.ota.image_type
        self._sector = max(chip.erase_size_octets for chip in profile.flash.chips)
        self._resumes = profile.ota.resume is not Resume.RESTART
        start = profile.flash.slot_a[0]
        octets = len(images.get(life.first, b""))
        swaps = profile.boot.scheme is BootScheme.SWAP
        #: Addresses without which nothing but what lies there can run.
        self._only_home = range(start, start + octets) if swaps else range(0)
        self._stuck = False
        self.past = Past()
        self.owed = frozenset(PROMISES)

    def remember(self) -> Past:
        """Return a copy of what happened so far."""
        return copy(self.past)

    def begin(self, past: Past, owed: frozenset[int], worn: Sequence[WornSector] = ()) -> None:
        """Go back to a copy, and judge what is owed from there, with these sectors worn."""
        self.past, self.owed = copy(past), owed
        self._stuck = any(one.address in self._only_home for one in worn)

    @property
    def is_stuck(self) -> bool:
        """Tell whether an image stays that should not, since its octets cannot be erased.

        Images run from slot A alone, and a sector of it that the old image needs took no erase once
        the new one lay there: nobody can bring the old one back. The bridge must have said so.
        """
        return self._stuck and self.past.worn and self.past.tries > 0

    def _break(self, promise: int, found: str) -> None:
        if promise in self.owed:
            raise Broken(promise, found)

    # What happens.

    def cut(self) -> None:
        """Note that the supply was cut."""
        if self.past.trial:
            self.past.trial_cuts += 1

    def dead(self, text: str) -> None:
        """Judge a bridge that does not boot, or stops with an error of its own."""
        self._break(1, text)

    def restless(self, text: str) -> None:
        """Judge a bridge that never comes to rest."""
        past = self.past
        offered = self._life.offered(past.version)
        bad = offered is not None and offered.flaw is not Flaw.NONE
        self._break(5 if bad or past.tries else 3, text)
        self._break(7, text)

    def booted(self, version: int, trial: bool, octets: bytes) -> None:
        """Judge what boots: known octets, never spoilt ones, never one behind a confirmed one."""
        past, life = self.past, self._life
        offered = life.offered(version)
        flaw = Flaw.NONE if offered is None else offered.flaw
        if flaw is Flaw.SPOILT:
            self._break(2, f"the spoilt version 0x{version:08X} boots")
        if octets != self._images.get(version):
            self._break(2, f"version 0x{version:08X} boots, and its slot holds other octets")
        rank = life.rank(version)
        if rank < past.confirmed or (rank == past.confirmed and trial):
            how = "on trial" if trial else "again"
            self._break(4, f"0x{version:08X} boots {how} though a later one was confirmed")
        if flaw in (Flaw.MUTE, Flaw.CRASHES):
            stuck = self.is_stuck
            past.tries += 1
            if not trial and not stuck:
                self._break(5, f"0x{version:08X} is kept, which never reached the hub")
            if past.tries > self._trial_boots and not stuck:
                self._break(5, f"0x{version:08X} is tried {past.tries} times")
        past.version, past.trial, past.resumed = version, trial, True

    def beside(self, version: int, whole: bool) -> None:
        """Judge an image that another one needs, at a trial of that one; ``whole``: it is there."""
        if not whole:
            self._break(2, f"version 0x{version:08X} boots, and an image that it needs is missing")

    def sent(self, datagram: Datagram) -> None:
        """Judge a frame's counter against that of the frame before it."""
        if datagram.frame_counter is None:
            return
        mark = (datagram.key_id or 0, datagram.frame_counter)
        if mark <= self.past.mark:
            last = self.past.mark[1]
            self._break(6, f"frame counter {mark[1]} is sent after {last}")
        self.past.mark = mark

    def answered(self) -> None:
        """Note that the running image had an answer to its query: it is confirmed by that."""
        self._confirm()

    def _confirm(self) -> None:
        past = self.past
        past.confirmed = max(past.confirmed, self._life.rank(past.version))
        past.trial = False

    def heard(self, frame: Frame) -> None:
        """Judge what the hub hears of the bridge's own image; another one may begin anew."""
        match frame:
            case ota.ImageBlockRequest(image_type=self._type, file_version=version):
                self._on_block(version, frame.file_offset)
            case ota.UpgradeEndRequest(image_type=self._type, status=status, file_version=version):
                self._on_end(status, version)
            case _:
                pass

    def _on_block(self, version: int, offset: int) -> None:
        past = self.past
        if version == past.told and not past.pardoned:
            self._on_fetched_again(version)
        if version != past.loading:
            past.loading, past.floor = version, 0
        if past.resumed:
            past.resumed = False
            offered = self._life.offered(version)
            spoilt = offered is not None and offered.flaw is Flaw.SPOILT  # given up in silence
            if self._resumes and offset < past.floor and not spoilt:
                self._break(3, f"goes on at {offset}, wanted {past.floor} at least")
        # A cut may take the sector that was being written, and what was torn before it.
        past.floor = max((offset // self._sector - 1) * self._sector, 0)

    def _on_fetched_again(self, version: int) -> None:
        """Judge another download of an image that was found good: after a trial, so many times."""
        past = self.past
        found = f"0x{version:08X} was found good, and is fetched again"
        if not past.tries:
            self._break(3, found)
        past.tries, past.told, past.installs = 0, 0, past.installs + 1
        if past.installs > self._retries:
            self._break(5, f"{found} after {past.installs} failed trials")

    def _on_end(self, status: int, version: int) -> None:
        past, offered = self.past, self._life.offered(version)
        past.floor = 0
        if offered is None or offered.flaw is Flaw.SPOILT:
            return
        if status in (Status.SUCCESS, Status.REQUIRE_MORE_IMAGE):
            past.told = version
        elif status == Status.INVALID_IMAGE:
            self._break(3, f"the good image 0x{version:08X} is refused as invalid")

    def settled(self) -> None:
        """Judge what runs when nothing more happens."""
        past, wanted = self.past, self._life.wanted
        if past.version == wanted:
            self._confirm()
            return
        if self.is_stuck:
            return
        found = f"0x{past.version:08X} runs in the end, wanted 0x{wanted:08X}"
        if past.trial_cuts >= self._trial_boots:
            return  # so many cuts used up the trial of a good image
        if self._life.rank(past.version) < past.confirmed:
            self._break(4, found)
        self._break(5 if wanted == self._life.first else 3, found)
        if not past.worn:
            self._break(7, f"{found}, and the bridge did not report why")

    def forgotten(self) -> None:
        """Judge a bridge that makes no other attempt at an image though the hub asks for it."""
        if self.past.worn:
            return  # it may have no place for one
        self._break(5, "a unicast notify brings no other attempt: refused for ever")
