"""Name every way in which a home can be broken on purpose: the cases of homes must notice."""

from collections.abc import Mapping
from functools import cache
from typing import TypedDict

from emulator import DefectFacts
from harness.defects import nearest
from harness.lanes.direct import known_home_defects
from harness.premises import broken
from harness.premises.conductor import Conductor
from harness.premises.defect import HomeDefect
from harness.premises.distributor import Distributor
from harness.premises.model import Premises

_DEFECTS: tuple[HomeDefect, ...] = (
    HomeDefect(
        id="D431",
        title="upgrades what lies behind the near bridge, and never the near bridge itself",
        copies="gb-alt-han fact sheet 1.3: every configuration has one",
        caught_by=("every_bridge_is_upgraded",),
        conductor=broken.LeavesTheNearOut,
    ),
    HomeDefect(
        id="D432",
        title="begins with the near bridge",
        copies="gb-alt-han fact sheet 5, T4: remotes first, near last",
        caught_by=("remotes_go_before_near",),
        conductor=broken.NearFirst,
    ),
    HomeDefect(
        id="D433",
        title="begins with the remote bridges although it was told another order",
        copies="gb-alt-han fact sheet 5, T4: then near must speak both, and goes first",
        caught_by=("users_order_is_kept", "both_protocols_keep_remotes_in_reach"),
        conductor=broken.RemotesFirst,
    ),
    HomeDefect(
        id="D434",
        title="offers all images at once though it was told one at a time",
        copies="gb-alt-han fact sheet 5, T4",
        caught_by=("remotes_go_before_near",),
        conductor=broken.AllAtOnce,
    ),
    HomeDefect(
        id="D435",
        title="carries out a plan that was refused",
        copies="gb-alt-han fact sheet 5, T4: a wrong order must be refused or survive",
        caught_by=("mute_near_is_refused",),
        conductor=broken.HearsNoRefusal,
    ),
    HomeDefect(
        id="D436",
        title="knows by heart which type has which role",
        copies="gb-alt-han fact sheet 8.1: what the types are is not public",
        caught_by=("types_are_labels",),
        conductor=broken.KnowsTypesByHeart,
    ),
    HomeDefect(
        id="D437",
        title="upgrades nobody while one battery is too weak",
        copies="gb-alt-han fact sheet 5, T6 and T9: one waits, the others go on",
        caught_by=("low_battery_defers_one_bridge",),
        conductor=broken.WaitsForTheWeakest,
    ),
    HomeDefect(
        id="D438",
        title="ends an upgrade at the first bridge that fails",
        copies="gb-alt-han fact sheet 5, T6: one remote fails, other continues",
        caught_by=("remote_that_fails_holds_up_no_other",),
        conductor=broken.StopsAtAFailure,
    ),
    HomeDefect(
        id="D439",
        title="offers a bridge that went back the same image again and again",
        copies="zigpy 497: OTA fails and loops",
        caught_by=("meter_misses_at_most_one_cycle",),
        conductor=broken.TriesAgainAtOnce,
    ),
    HomeDefect(
        id="D440",
        title="serves blocks of the image that it offered last, whoever asks",
        copies="gb-alt-han fact sheet 5, T6: no shared image slot corruption",
        caught_by=("two_remotes_download_at_once",),
        hub=broken.MixesImages,
    ),
    HomeDefect(
        id="D441",
        title="throws a message for a sleepy meter away and says nothing",
        copies="OpenZWave 989: messages for a sleeping device were dropped",
        caught_by=("message_not_fetched_is_discarded",),
        hub=broken.DiscardsInSilence,
    ),
    HomeDefect(
        id="D442",
        title="keeps a message for a sleepy meter for ever",
        copies="Gecko SDK, comms-hub-function.c: it times out after 24 h",
        caught_by=("message_not_fetched_is_discarded",),
        hub=broken.KeepsForEver,
    ),
    HomeDefect(
        id="D443",
        title="raises the alert of a power outage when a bridge is away",
        copies="MP102A and MP102B: false alerts while a hub had no supply for an upgrade",
        caught_by=("bridge_away_raises_no_alert",),
        hub=broken.TakesSilenceForOutage,
    ),
    HomeDefect(
        id="D444",
        title="notes nothing of devices that it does not hear",
        copies="SECMP0007 implementation approach: users saw nothing for days",
        caught_by=("bridge_away_raises_no_alert",),
        hub=broken.LogsNoSilence,
    ),
    HomeDefect(
        id="D445",
        title="tells a sleepy meter nothing of its firmware",
        copies="Gecko SDK, gbcs-gas-meter.c: the meter asks when the flag says so",
        caught_by=("flagged_firmware_is_asked_for",),
        hub=broken.FlagsNoFirmware,
    ),
    HomeDefect(
        id="D446",
        title="begins the next trial though the meter was not heard in the last one",
        copies="gb-alt-han fact sheet 5, T10: never missed twice in a row",
        caught_by=("meter_misses_at_most_one_cycle",),
        conductor=broken.HurriesOn,
    ),
)

#: Those of hub and conductor, by id.
HOME_DEFECTS: Mapping[str, HomeDefect] = {one.id: one for one in _DEFECTS}


class Planted(TypedDict):
    """Be what a home is made with that has a defect, or none."""

    defects: Mapping[str, str]
    hub: type[Distributor]
    conductor: type[Conductor]


@cache
def home_defects() -> tuple[DefectFacts, ...]:
    """Return every defect of a home: those of its bridges, its hub and its conductor."""
    made = [
        DefectFacts(
            id=one.id,
            title=one.title,
            copies=one.copies,
            caught_by=one.caught_by,
            vectors=(),
            where={},
            replaces=one.replaces,
        )
        for one in HOME_DEFECTS.values()
    ]
    return (*known_home_defects(), *made)


def planted(id: str | None, premises: Premises) -> Planted:
    """Return what a home is made with that has a defect; a bridge's is in each of its bridges.

    Args:
        id: The defect's id; None: everything is sound.
        premises: The home.

    Raises:
        KeyError: No defect of a home has this id; the message names the nearest.
    """
    sound = Planted(defects={}, hub=Distributor, conductor=Conductor)
    if id is None:
        return sound
    if (found := HOME_DEFECTS.get(id)) is not None:
        return Planted(defects={}, hub=found.hub, conductor=found.conductor)
    ids = [one.id for one in home_defects()]
    if id not in ids:
        raise KeyError(f"no defect of a home {id!r}{nearest(id, ids)}")
    return sound | {"defects": {one.name: id for one in premises.bridges}}
