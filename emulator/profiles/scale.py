"""Divide the long times of a profile, for test firmware whose days pass in minutes."""

from dataclasses import fields, replace

from emulator.profiles.model import OtaProfile
from emulator.profiles.section import ranges


def scaled(profile: OtaProfile) -> OtaProfile:
    """Return the profile as firmware with its ``timer_scale`` lives it.

    Every key that counts seconds is divided, down to the least that the key allows; timeouts in
    milliseconds stay, since the air is no faster. The result has scale 1, so that to scale twice
    does no harm. This is the one place where the scale is applied.
    """
    divisor = profile.timer_scale
    if divisor == 1:
        return profile
    bounds = ranges(OtaProfile)
    times = {
        field.name: max(getattr(profile, field.name) // divisor, bounds[field.name].least)
        for field in fields(profile)
        if field.name.endswith("_s")
    }
    times["query_jitter_s"] = min(times["query_jitter_s"], times["query_period_s"] - 1)
    return replace(profile, timer_scale=1, **times)
