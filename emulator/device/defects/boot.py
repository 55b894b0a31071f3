"""Hold the defects of flash, boot record, loader and trial."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Self

from emulator.actions import Action
from emulator.boot.loader import Choice, Loader
from emulator.boot.record import BootState
from emulator.device.application import Application
from emulator.device.defects.model import Defect, with_client, with_parts
from emulator.device.nonvolatile import Download
from emulator.device.store import DownloadStore
from emulator.flash.area import Area, Journal, StreamWriter
from emulator.ota.client import OtaClient
from emulator.ota.ports import Offer
from emulator.units import Octets, Us


class _SkipsAHole(StreamWriter):
    """Go on behind the octets that were only in RAM when the power went."""

    @classmethod
    def resume(cls, area: Area, size: Octets, journal: Journal) -> Self:
        writer = super().resume(area, size, journal)
        if 0 < writer.offset < size:
            writer.append(bytes(min(64, size - writer.offset)))
        return writer


class _MixesVersions(DownloadStore):
    """Go on with another image where the last one stopped."""

    def begin(self, offer: Offer) -> None:
        if self.held is None:
            super().begin(offer)
            return
        self.resume()
        self._memory.change(
            manufacturer=offer.manufacturer,
            image_type=offer.image_type,
            file_version=offer.file_version,
            image_size=offer.image_size,
        )


class _ForgetsWhatWaits(DownloadStore):
    """Hold no verified image over a reset."""

    @property
    def held(self) -> Offer | None:
        fresh = self._verified is None and self._writer is None
        waiting = self._memory.now.download is Download.VERIFIED
        return None if fresh and waiting else super().held


class _ConfirmsAtBoot(Application):
    """Take it for proof that the image boots."""

    def start(self, now: Us) -> Sequence[Action]:
        started = super().start(now)
        return (*started, *self.store.reached_server())


class _CountsNoBoots(Loader):
    """Try a new image again at every boot."""

    def choose(self) -> Choice:
        record = self._record()
        if record.state is BootState.TRIAL and record.trial_boots > 1:
            self._records.write(replace(record, trial_boots=1))
        return super().choose()


class _TakesACutForProof(Loader):
    """Keep a new image that was on trial when the power went."""

    def choose(self) -> Choice:
        record = self._record()
        if record.state is BootState.TRIAL:
            self._records.write(
                replace(record, state=BootState.STEADY, active=record.candidate, trial_boots=0)
            )
        return super().choose()


class _ForgetsTheFailure(DownloadStore):
    """Install an image again that just failed."""

    def failed_before(self, offer: Offer) -> bool:
        return False


class _ConfirmsInRam(DownloadStore):
    """Note a confirmation where a power cut wipes it out."""

    def reached_server(self) -> Sequence[Action]:
        self.on_trial = False
        return ()


class _ForgivesForEver(DownloadStore):
    """Take whatever failed once more, ever since the server named any image."""

    def begin(self, offer: Offer) -> None:
        forgiven = self._forgiven
        super().begin(offer)
        self._forgiven = forgiven


class _ForgetsTrialTime(Loader):
    """Begin the time of a trial anew at every boot."""

    def choose(self) -> Choice:
        record = self._record()
        if record.state is BootState.TRIAL:
            self._records.write(replace(record, trial_s=0))
        return super().choose()


class _RestsInATrial(OtaClient):
    """Put off the next query of a trial as if there were time."""

    def _query_failed(self, now: Us) -> Sequence[Action]:
        return self._rest(now)


class _RestoresCounters(Application):
    """Let the old image begin at the frame counter that it knew, after a rollback."""

    def start(self, now: Us) -> Sequence[Action]:
        if self._choice.notes:
            self._radio._counter = 0
        return super().start(now)


DEFECTS: tuple[Defect, ...] = (
    Defect(
        id="D201",
        title="goes on behind octets that the power cut took",
        copies="nrfconnect KRKNWK-7723, turned round",
        parts=with_parts(writer=_SkipsAHole),
        caught_by=(
            *("download_survives_a_reset", "what_boots_after", "promises_outlive_power_cuts"),
            "power_fails_at_a_block",
        ),
        vectors=("RB-041",),
    ),
    Defect(
        id="D202",
        title="goes on with another version where the last one stopped",
        copies="OTA-C-073; [TL] compares before it resumes",
        parts=with_parts(store=_MixesVersions),
        caught_by=("two_versions_are_never_mixed", "what_boots_after"),
        vectors=("RB-045",),
    ),
    Defect(
        id="D203",
        title="forgets an image that waits when the power fails",
        copies="OTA-C-107",
        parts=with_parts(store=_ForgetsWhatWaits),
        caught_by=(
            *("waiting_image_survives_a_reset", "what_boots_after"),
            *("promises_outlive_power_cuts", "power_fails_after_the_upgrade_end"),
        ),
        vectors=("RB-050", "RB-094"),
    ),
    Defect(
        id="D204",
        title="confirms a new image because it boots",
        copies="gb-alt-han T1",
        parts=with_parts(application=_ConfirmsAtBoot),
        caught_by=("mute_image_goes_back", "what_boots_after"),
        vectors=("RB-006", "RB-082"),
    ),
    Defect(
        id="D205",
        title="counts no trial boots",
        copies="GB-065",
        parts=with_parts(loader=_CountsNoBoots),
        caught_by=("crashing_image_goes_back", "what_boots_after"),
        vectors=("RB-015", "RB-060"),
    ),
    Defect(
        id="D206",
        title="keeps a new image that was on trial when the power went",
        copies="GB-066",
        parts=with_parts(loader=_TakesACutForProof),
        caught_by=("power_cut_in_the_trial", "what_boots_after"),
        vectors=("RB-064",),
    ),
    Defect(
        id="D207",
        title="installs an image again that just failed",
        copies="GB-064",
        parts=with_parts(store=_ForgetsTheFailure),
        caught_by=("mute_image_goes_back", "what_boots_after"),
        vectors=("RB-008", "RB-078"),
    ),
    Defect(
        id="D208",
        title="confirms in RAM only",
        copies="design section 8, promise 4",
        parts=with_parts(store=_ConfirmsInRam),
        caught_by=(
            *("confirmed_image_stays", "what_boots_after", "promises_outlive_power_cuts"),
            "power_fails_in_the_trial",
        ),
        vectors=("RB-003",),
    ),
    Defect(
        id="D209",
        title="frame counters go back with the image",
        copies="gb-alt-han T13; Z-Stack-firmware 376, 439",
        parts=with_parts(application=_RestoresCounters),
        caught_by=("frame_counters_never_go_back", "what_boots_after"),
        vectors=("RB-006",),
    ),
    Defect(
        id="D210",
        title="rests for a query period in a trial, until the good image is undone",
        copies="GB-067",
        parts=with_client(_RestsInATrial),
        caught_by=("hub_that_restarts_undoes_no_image", "what_boots_after"),
        vectors=("RB-021", "RB-026"),
    ),
    Defect(
        id="D211",
        title="installs an image again that failed, once any image was asked for by name",
        copies="design section 8, promise 5",
        parts=with_parts(store=_ForgivesForEver),
        caught_by=("what_boots_after",),
        vectors=("RB-114",),
    ),
    Defect(
        id="D212",
        title="counts the time of a trial anew at each boot",
        copies="gb-alt-han T1; GB-066",
        parts=with_parts(loader=_ForgetsTrialTime),
        caught_by=("what_boots_after",),
        vectors=("RB-062",),
    ),
)
