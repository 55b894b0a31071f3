"""Say which devices the lane on the air serves, and refuse those that it does not."""

from collections.abc import Iterator, Sequence

from emulator.errors import LinkError
from harness.dut.model import Band, Dut

#: The scheme of the lane on the air.
AIR = "ezsp"
#: What the lane can do for devices that need no more.
SERVED = (
    f"{AIR}: serves devices on 2.4 GHz that join with the well-known key, an install code or a"
    " link key; certificate-based key establishment (CBKE) and 868 MHz are not built yet"
)


def limits(devices: Sequence[tuple[str, Dut | None]]) -> Iterator[str]:
    """Yield what somebody should know before the first case on the air.

    Args:
        devices: The link of each device, and its DUT file where it has one.

    Raises:
        LinkError: A device demands what the lane does not have.
    """
    on_air = [(link, dut) for link, dut in devices if link.partition(":")[0] == AIR]
    for link, dut in on_air:
        if dut is not None:
            refuse_beyond(dut, link)
    if on_air:
        yield SERVED
    yield from (f"{dut.name}: joins with {_joins(dut)}" for _, dut in on_air if dut is not None)


def refuse_beyond(dut: Dut, link: str) -> None:
    """Refuse a device on the air that demands what the lane does not have.

    Raises:
        LinkError: It demands CBKE, or is on 868 MHz.
    """
    if dut.join.cbke:
        raise LinkError(f"{dut.file}: join.cbke: found true, wanted false on {link}: no CBKE yet")
    if dut.band is not Band.GHZ_2_4:
        wanted = f'wanted "{Band.GHZ_2_4}" on {link}: no 868 MHz yet'
        raise LinkError(f'{dut.file}: radio.band: found "{dut.band}", {wanted}')


def _joins(dut: Dut) -> str:
    if dut.join.install_code is not None:
        return f"the install code of {dut.file}"
    if dut.join.link_key is not None:
        return f"the link key of {dut.file}"
    return "the well-known key"
