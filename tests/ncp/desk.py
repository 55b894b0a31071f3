"""Ask a stick what a host could ask it, without the link between them."""

from functools import cache
from typing import Any

from emulator.ncp.commands import spoken
from emulator.ncp.ezsp import Dialect
from emulator.ncp.fields import InitialSecurityState, Layout, NetworkParameters
from emulator.ncp.handlers import HANDLERS
from emulator.ncp.radio import StickSpec, VirtualRadio
from emulator.ncp.stick import Stick
from emulator.ncp.tokens import Tokens
from emulator.units import MILLISECOND, Us

EUI64 = 0x000D6F00_0A0B0C0D
NETWORK_KEY = bytes(range(16))
LINK_KEY = bytes(range(0x20, 0x30))
#: Global hashed link keys, both keys given, as bellows forms; keep the frame counter.
BITMASK = 0x1B84
PARAMETERS = NetworkParameters(
    extended_pan_id=bytes(range(1, 9)),
    pan_id=0x1A62,
    radio_tx_power=8,
    radio_channel=15,
    join_method=0,
    network_manager=0,
    update_id=0,
    channels=1 << 15,
)


def initial(bitmask: int = BITMASK, **changes: Any) -> InitialSecurityState:  # noqa: ANN401
    """Return the security that a host forms with."""
    fields: dict[str, Any] = {
        "preconfigured_key": LINK_KEY,
        "network_key": NETWORK_KEY,
        "network_key_sequence": 3,
        "trust_centre": 0,
        **changes,
    }
    return InitialSecurityState(bitmask=bitmask, **fields)


@cache
def layout_of(name: str, text: str, version: int) -> Layout:
    """Return a compiled layout."""
    return Layout(name, text, version)


class Desk:
    """Hold a radio with one stick, and put commands to it; statuses in answers are numbers."""

    def __init__(self, version: int = 13, tokens: Tokens | None = None) -> None:
        self.version, self.log = version, list[str]()
        self.rows = spoken(version)
        self.dialect = Dialect(version)
        self.dialect.decode(bytes((0, 0, 0, version)))
        spec = StickSpec(name="hub", version=version, tokens=tokens or Tokens(factory_eui64=EUI64))
        self.radio = VirtualRadio([spec], log=self.log.append)
        self.stick: Stick = self.radio.sticks["hub"]

    def ask(self, name: str, **values: Any) -> dict[str, Any]:  # noqa: ANN401
        """Put a command, with its fields; return those of the answer."""
        row = self.rows[name]
        number = bytes((row.id & 0xFF, row.id >> 8))
        fields = layout_of(name, row.request or "", self.version).encode(values)
        answer = self.put(bytes((1, 0, 1)) + number + fields)
        assert answer[:5] == bytes((1, 0x80, 1)) + number
        read, end = layout_of(name, row.response, self.version).decode(answer, 5)
        assert end == len(answer)
        return read

    def put(self, payload: bytes) -> bytes:
        """Put a frame that can be read, and return the frame that answers it."""
        request = self.dialect.decode(payload)
        return self.dialect.response(request, **HANDLERS[request.name](self.stick, request))

    def form(self, bitmask: int = BITMASK, **changes: Any) -> None:  # noqa: ANN401
        """Form a network, and let it come up."""
        state = initial(bitmask, **changes)
        assert self.ask("setInitialSecurityState", state=state) == {"status": 0}
        assert self.ask("formNetwork", parameters=PARAMETERS) == {"status": 0}
        self.run()
        assert self.ask("networkState") == {"state": 2}

    def restart(self) -> "Desk":
        """Return a desk with a stick that has this one's tokens, as after a restart."""
        return Desk(self.version, self.stick.tokens)

    def run(self, us: Us = 10 * MILLISECOND) -> None:
        """Let time pass."""
        self.radio.run(self.radio.world.now + us)
        self.stick.now = self.radio.world.now
