"""Shorten the long waits of a bridge, for programs that watch one in real time.

A bridge of the field asks for firmware once a day and confirms a new image after half a minute: no
test of somebody's OTA server should last as long. What is judged on the air (retries, timeouts, the
order of things) stays as it is.
"""

from collections.abc import Mapping

from emulator.profiles.load import overlay, plain
from emulator.profiles.model import Profile

#: The most that each of these lasts in a hurry; a profile that is faster stays as it is.
HASTE: Mapping[str, int] = {
    "ota.first_query_delay_s": 1,
    "ota.query_period_s": 60,
    "ota.query_jitter_s": 5,
    "ota.discovery_retry_s": 10,
    "ota.trial_retry_s": 5,
    "ota.apply_delay_ms": 100,
    "boot.confirm_after_s": 1,
    "boot.confirm_within_s": 60,
    "boot.trial_checkpoint_s": 10,
    "boot.confirm_pause_max_s": 60,
    "boot.confirm_pause_hold_s": 10,
    "radio.rejoin_retry_s": 5,
    "sleep.poll_ms": 500,
    "sleep.fast_poll_ms": 100,
}


def hastened(profile: Profile) -> Profile:
    """Return a profile whose long waits last seconds; one in a hurry already stays the same."""
    document = plain(profile)
    changes = {}
    for key, most in HASTE.items():
        table, _, name = key.partition(".")
        found = document.get(table, {}).get(name)
        if found is not None and found > most:
            changes[key] = most
    return overlay(profile, changes)
