"""Do the arithmetic of the times that a server sends."""

from emulator.profiles.switches import PeriodUnit
from emulator.units import MILLISECOND, SECOND, Us

#: UpgradeTimeoutPolicy 0x00 (ZCL 11.10.13): apply when the server stays silent.
APPLY_AFTER_TIMEOUT = 0

#: UpgradeActivationPolicy 0x01 (ZCL 11.10.12): only an out-of-band event activates.
OUT_OF_BAND_ONLY = 1

#: How long a client waits when WAIT_FOR_DATA names a time that is past (Silabs).
INVALID_WAIT_S = 300

#: The cluster revision whose MinimumBlockPeriod counts seconds (15-0324-02, 11.10.10).
REVISION_IN_SECONDS = 2


def period_unit_us(cluster_revision: int, unit: PeriodUnit = PeriodUnit.REVISION) -> Us:
    """Return what one step of a MinimumBlockPeriod lasts; it depends on the cluster revision.

    Source: 09-5264-23 6.7.10 (milliseconds), 15-0324-02 11.10.10 (seconds).
    """
    if unit is PeriodUnit.REVISION:
        return SECOND if cluster_revision == REVISION_IN_SECONDS else MILLISECOND
    return SECOND if unit is PeriodUnit.SECONDS else MILLISECOND


def wait_s(current_s: int, request_s: int, longest_s: int) -> int:
    """Return how many seconds WAIT_FOR_DATA asks to wait, at most ``longest_s``.

    A current time of 0 makes the request time an offset. A request time before the current one is
    invalid: it tells no time to come back, and a storm helps nobody, so wait five minutes [SL-C].

    Source: ZCL rev 8, 11.13.8.4; accept set in OTA-C-053.
    """
    asked_s = request_s - current_s if request_s >= current_s else INVALID_WAIT_S
    return min(asked_s, longest_s)


def countdown_s(current_s: int, upgrade_s: int) -> int:
    """Return how many seconds an Upgrade End Response asks to count down; a past time is now.

    Source: ZCL rev 8, 11.13.10; stacks differ on a past time (accept set in OTA-C-098).
    """
    return max(upgrade_s - current_s, 0)
