"""Emulate Alt HAN bridges: the public front.

``Bridge`` is a device by the contract of ``emulator.contract``; ``Probe`` looks inside one, for
power-cut sweeps; ``World`` keeps virtual time; ``Profile`` describes a bridge type; ``open_link``
makes a network for it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emulator.device.bridge import Bridge
    from emulator.device.probe import DefectFacts, Probe
    from emulator.link.schemes import open_link
    from emulator.profiles.model import Profile
    from emulator.world import World

_HOMES = {
    "Bridge": "emulator.device.bridge",
    "DefectFacts": "emulator.device.probe",
    "Probe": "emulator.device.probe",
    "Profile": "emulator.profiles.model",
    "World": "emulator.world",
    "open_link": "emulator.link.schemes",
}

__all__ = ["Bridge", "DefectFacts", "Probe", "Profile", "World", "open_link"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - PEP 562
    """Import what is asked for: formats alone must not cost the whole device."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
