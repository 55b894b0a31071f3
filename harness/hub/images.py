"""Hold the images that a hub serves, and choose one for a query."""

from dataclasses import dataclass

from emulator.wire.ota_file import OtaHeader

#: Image types of files that are made for one device: credentials, configuration, log and more.
OF_ONE_DEVICE = range(0xFFC0, 0xFFFF)


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """Be one image as the hub announces it; an honest hub announces what the header says."""

    octets: bytes
    manufacturer: int
    image_type: int
    file_version: int
    image_size: int
    minimum_hardware: int | None = None
    maximum_hardware: int | None = None
    destination: int | None = None  # EUI-64 of the only device that the header names

    @property
    def of_one_device(self) -> bool:
        """Tell whether it is the own file of one device, which asks for it by command 0x08."""
        return self.destination is not None and self.image_type in OF_ONE_DEVICE

    def fits(self, manufacturer: int, image_type: int, hardware_version: int | None) -> bool:
        """Tell whether the image is for such a device (ZCL 11.13.4; 095264 6.10.4.4)."""
        if (self.manufacturer, self.image_type) != (manufacturer, image_type):
            return False
        low, high = self.minimum_hardware, self.maximum_hardware
        if hardware_version is None or low is None or high is None:
            return True
        return low <= hardware_version <= high


def served(
    octets: bytes,
    *,
    manufacturer: int | None = None,
    image_type: int | None = None,
    file_version: int | None = None,
    image_size: int | None = None,
    any_hardware: bool = False,
) -> Served:
    """Return an image to serve, announced as its header says where nothing else is given.

    Raises:
        WireError: The octets have no header and something that only it could say was not given.
    """
    header, _ = OtaHeader.decode_at(octets, max(octets.find(b"\x1e\xf1\xee\x0b"), 0))
    return Served(
        octets=octets,
        manufacturer=header.manufacturer if manufacturer is None else manufacturer,
        image_type=header.image_type if image_type is None else image_type,
        file_version=header.file_version if file_version is None else file_version,
        image_size=len(octets) if image_size is None else image_size,
        minimum_hardware=None if any_hardware else header.minimum_hardware,
        maximum_hardware=None if any_hardware else header.maximum_hardware,
        destination=header.destination,
    )
