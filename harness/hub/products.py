"""Keep the product list of a home: which images exist, and from which versions each may be reached.

It stands for the Central Products List; an image that is not on it was never approved.

Source: gb-alt-han fact sheet 3.3 and 3.4; GB-075.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from harness.hub.images import Served


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """Be one version of one model's firmware.

    ``predecessors`` are the versions that it may follow, none: any; ``digest`` is SHA-256 over the
    whole file [ASSUMED: over which part is not public].
    """

    manufacturer: int
    image_type: int
    file_version: int
    digest: bytes
    predecessors: frozenset[int] = frozenset()


def product_of(image: Served, *predecessors: int) -> Product:
    """Return the entry that lets an image be served."""
    return Product(
        manufacturer=image.manufacturer,
        image_type=image.image_type,
        file_version=image.file_version,
        digest=sha256(image.octets).digest(),
        predecessors=frozenset(predecessors),
    )


@dataclass(frozen=True, slots=True)
class ProductList:
    """Hold what is approved."""

    products: Sequence[Product]

    def _entry(self, image: Served) -> Product | None:
        ids = (image.manufacturer, image.image_type, image.file_version)
        for one in self.products:
            if (one.manufacturer, one.image_type, one.file_version) == ids:
                return one
        return None

    def refusal(self, image: Served) -> str:
        """Return why an image is not approved, nothing if it is."""
        entry = self._entry(image)
        if entry is None:
            return (
                f"product list: found no entry for manufacturer 0x{image.manufacturer:04X},"
                f" image type 0x{image.image_type:04X}, version 0x{image.file_version:08X}"
            )
        found = sha256(image.octets).digest()
        if found != entry.digest:
            return f"digest of the image: found {found.hex()}, wanted {entry.digest.hex()}"
        return ""

    def follows(self, image: Served, running: int) -> bool:
        """Tell whether an image may be installed over the version that a device runs."""
        entry = self._entry(image)
        return entry is not None and (not entry.predecessors or running in entry.predecessors)
