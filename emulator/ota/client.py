"""Run the client side of the OTA Upgrade cluster: frames and time in, actions out.

The stages stand in ``stages.py``, what is done with each frame in each stage in ``table.py``, and
how it is done in the layers that ``machine.py`` names.

Source: ZCL rev 8, chapter 11; ota-cluster fact sheet sections 1 to 4.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from emulator.actions import Action
from emulator.contract import Identity
from emulator.ota.ports import Store, Voice
from emulator.ota.reserve import Reserve
from emulator.ota.stages import Stage
from emulator.profiles.model import OtaProfile
from emulator.units import Rng, Us
from emulator.wire.codec import Frame


class OtaClient(Reserve):
    """Be one OTA client, as its table says."""

    def __init__(
        self,
        *,
        profile: OtaProfile,
        identity: Identity,
        version: int,
        voice: Voice,
        store: Store,
        rng: Rng,
        table: "ClientTable",
    ) -> None:
        super().__init__(
            profile=profile,
            identity=identity,
            version=version,
            voice=voice,
            store=store,
            rng=rng,
            on=table.on,
            on_deadline=table.on_deadline,
        )


Handler: TypeAlias = Callable[[OtaClient, Any, Us], Sequence[Action]]
Waker: TypeAlias = Callable[[OtaClient, Us], Sequence[Action]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientTable:
    """Say what a client does with each frame in each stage, and at each stage's deadline."""

    on: Mapping[tuple[Stage, type[Frame]], Handler]
    on_deadline: Mapping[Stage, Waker]
