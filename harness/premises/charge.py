"""Count what a bridge takes out of its battery, by the charge model of its profile.

The judge counts, the bridge is told (``emulator.actions.Battery``): a real one measures its cell.
"""

from dataclasses import dataclass

from emulator.profiles.battery import BatteryProfile
from emulator.profiles.model import SWAP_STEPS, BootScheme, Profile
from emulator.units import HOUR, MILLISECOND, SECOND, Octets, Us

#: Octets whose programming is one ``program_nah``.
PROGRAM_UNIT: Octets = 256
#: Nanoampere hours of one microampere hour.
_NANO = 1000
#: What one block takes: a request, the poll that fetches the answer, the answer.
_DATAGRAMS_A_BLOCK, _POLLS_A_BLOCK = 2, 1


@dataclass(slots=True, kw_only=True)
class Charge:
    """Be the charge of one battery; add to the counts what happens.

    Attributes:
        battery: The model.
        first_percent: How full it was before anything was counted, 0..100.
        datagrams: Sent and received ones.
        polls: Polls of the parent.
        octets: Octets programmed into flash.
        boots: Starts, each with its search for the network.
        rest_us: Time of having the supply at all, in microseconds.
    """

    battery: BatteryProfile
    first_percent: int = 100
    datagrams: int = 0
    polls: int = 0
    octets: Octets = 0
    boots: int = 0
    rest_us: Us = 0

    @property
    def spent_nah(self) -> int:
        """Return what was taken out of it, in nanoampere hours."""
        model = self.battery
        return (
            self.datagrams * model.datagram_nah
            + self.polls * model.poll_nah
            + self.octets * model.program_nah // PROGRAM_UNIT
            + self.boots * model.boot_uah * _NANO
            + self.rest_us * model.sleep_ua * _NANO // HOUR
        )

    @property
    def percent(self) -> int:
        """Return what is left, in whole percent rounded down, never below 0."""
        whole_nah = self.battery.capacity_uah * _NANO
        left_nah = whole_nah * self.first_percent // 100 - self.spent_nah
        return max(0, left_nah * 100 // whole_nah)


def cost(profile: Profile, image_octets: Octets) -> int:
    """Return what an upgrade takes out of a bridge's battery if its image must be undone as well.

    That is the download, the trial with each of its boots and all of its time, and the way back.
    Blocks that are lost and waits that the hub asks for come on top: they are what the reserve is
    for, beside a cell's weakness at its end.

    Args:
        profile: The bridge's.
        image_octets: Size of the whole firmware file.

    Returns:
        Whole percent of the battery, rounded up, at most 100; 0 where the profile has no battery.
    """
    battery = profile.battery
    if battery is None:
        return 0
    whole_nah = battery.capacity_uah * _NANO
    return min(100, -(-upgrade(profile, battery, image_octets).spent_nah * 100 // whole_nah))


def upgrade(profile: Profile, battery: BatteryProfile, image_octets: Octets) -> Charge:
    """Return the counts of an upgrade that fails at the very end of its trial, and of its undoing.

    Args:
        profile: The bridge's.
        battery: The model to count by.
        image_octets: Size of the whole firmware file.
    """
    blocks = -(-image_octets // profile.ota.block_size_octets)
    moves = 2 * SWAP_STEPS if profile.boot.scheme is BootScheme.SWAP else 0  # there and back
    trial_us = (profile.boot.confirm_within_s + profile.boot.confirm_pause_max_s) * SECOND
    polls = 0 if profile.sleep is None else trial_us // (profile.sleep.poll_ms * MILLISECOND)
    return Charge(
        battery=battery,
        datagrams=blocks * _DATAGRAMS_A_BLOCK,
        polls=blocks * _POLLS_A_BLOCK + polls,
        octets=image_octets * (1 + moves),
        boots=profile.boot.trial_boots + 1,
        rest_us=trial_us,
    )
