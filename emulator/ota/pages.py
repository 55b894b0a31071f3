"""Hold the blocks of one page that come before their turn.

A page is a run of blocks that a server streams after one request; some are lost on the way, some
overtake others. What is stored is stored in order, so a block from beyond a gap waits here.

Source: ZCL rev 8, 11.13.7.
"""

from emulator.units import Octets


class Page:
    """Be one page of an image, while it is fetched.

    Attributes:
        end: Offset of the first octet behind the page.
        heard: Whether any octet of it came.
    """

    __slots__ = ("_held", "_octets", "_size", "end", "heard")

    def __init__(self, start: Octets, end: Octets) -> None:
        self.end = end
        self.heard = False
        self._size = end - start
        self._held: dict[Octets, bytes] = {}
        self._octets = 0

    def hold(self, offset: Octets, data: bytes, stored: Octets) -> bool:
        """Keep a block until its turn comes, and tell whether it is new.

        Never more octets are kept than the page has, whatever a server sends.

        Args:
            offset: Where the block begins in the image.
            data: Its octets.
            stored: Octets of the image that are stored: the page's first gap begins there.
        """
        size = len(data)
        if offset <= stored or offset + size > self.end or offset in self._held:
            return False
        if self._octets + size > self._size:
            return False
        self._held[offset] = data
        self._octets += size
        self.heard = True
        return True

    def next(self, stored: Octets) -> bytes | None:
        """Give up the octets whose turn it is, None where a gap comes first.

        Args:
            stored: Octets of the image that are stored.
        """
        while self._held:
            offset = stored if stored in self._held else min(self._held)
            if offset > stored:
                return None
            data = self._held.pop(offset)
            self._octets -= len(data)
            if offset + len(data) > stored:
                return data[stored - offset :]
        return None

    def gap(self, stored: Octets) -> Octets:
        """Return how many octets are missing from ``stored`` on: to the next block that waits."""
        return (min(self._held) if self._held else self.end) - stored
