"""Hold every exception of the emulator, grouped by who is to blame, and guess what was meant."""

from collections.abc import Iterable


class HanoverError(Exception):
    """Be the root of what this package raises on purpose."""


# The peer's or the file's octets are to blame.
class WireError(HanoverError, ValueError):
    """Octets do not make the frame they claim to be."""


class TruncatedError(WireError):
    """Octets end before the frame does.

    Args:
        what: Name of the frame or file part that was read.
        needed: Octets that would be needed, counted from its start.
        found: Octets that are there, counted from its start.
    """

    def __init__(self, what: str, needed: int, found: int) -> None:
        super().__init__(f"{what}: need {needed} octets, have {found}")
        self.what, self.needed, self.found = what, needed, found

    def __reduce__(self) -> tuple[type, tuple[str, int, int]]:
        return type(self), (self.what, self.needed, self.found)


class ImageError(HanoverError, ValueError):
    """A firmware file cannot be used for what was asked of it."""


class EditError(ImageError):
    """An edit of a file cannot be made: names which one, its key, what was found and wanted."""


class CryptoError(HanoverError, ValueError):
    """A key, a point or a certificate cannot be used."""


class CertificateError(CryptoError):
    """A certificate is malformed, of the other suite, or yields no usable key."""


# The user's data are to blame.


class KeyFileError(CryptoError):
    """A key file holds no key, or parts that do not belong together."""


class InstallCodeError(CryptoError):
    """An install code is of the wrong size, or was copied wrongly: its CRC does not fit."""


class ProfileError(HanoverError, ValueError):
    """A bridge profile names file, key, what was found and what was expected."""


class StateError(HanoverError, ValueError):
    """What keeps a bridge between two runs of a program is damaged, or keeps another bridge."""


# The device's own storage or firmware is to blame.
class FlashError(HanoverError, RuntimeError):
    """Firmware used the flash against its rules: our own bug, never the peer's."""


class WornError(HanoverError, RuntimeError):
    """A sector of flash takes no erase any more: firmware must do without it."""


class BootError(HanoverError, RuntimeError):
    """Neither slot holds a valid image: the device is dead until it is flashed anew."""


class PowerLost(BaseException):
    """The fault plan cut the supply inside a call; no handler may swallow it."""


# What carries the datagrams is to blame.
class LinkError(HanoverError, RuntimeError):
    """The link, the device program or the radio failed; the DUT is not to blame."""


def did_you_mean(wrong: str, known: Iterable[str], most: int = 1) -> str:
    """Return the nearest names to a wrong one, as the end of a message; nothing if none is near.

    Capital letters do not matter. A name that begins like the wrong one is nearest, the shortest
    of several first.

    Args:
        wrong: What was given.
        known: All that could have been.
        most: How many names are told at most.
    """
    import difflib  # dear, and needed only where something is wrong

    names = {name.lower(): name for name in known}
    given = wrong.strip().lower()
    longer = [name for name in names if given and name.startswith(given)]
    longer.sort(key=lambda name: (len(name), name))
    near = longer or difflib.get_close_matches(given, names, n=most)
    told = " or ".join(names[one] for one in near[:most])
    return f"; did you mean {told}?" if told else ""
