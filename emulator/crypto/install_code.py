"""Turn an install code, as printed on a device, into the link key that it joins with.

An install code is 6, 8, 12 or 16 octets of chance and a CRC of two octets, the low one first; the
link key is the AES-MMO hash of all of them.

Source: ZigBee Base Device Behavior 1.0 (13-0402-13), 10.1; Smart Energy 1.4 (07-5356-21), 5.4.8.1.
"""

from emulator.crypto.mmo import aes_mmo
from emulator.errors import InstallCodeError
from emulator.units import Octets

CRC_SIZE: Octets = 2
#: Octets of an install code, its CRC included.
SIZES: tuple[Octets, ...] = (8, 10, 14, 18)
#: CRC-16/X-25: x^16 + x^12 + x^5 + 1, low bit first.
_POLYNOMIAL = 0x8408


def crc_of(code: bytes) -> bytes:
    """Return the CRC of the octets of an install code, the low octet first.

    Source: 13-0402-13, 10.1.1.
    """
    remainder = 0xFFFF
    for octet in code:
        remainder ^= octet
        for _ in range(8):
            remainder = remainder >> 1 ^ _POLYNOMIAL * (remainder & 1)
    return (remainder ^ 0xFFFF).to_bytes(CRC_SIZE, "little")


def link_key_of(code: bytes) -> bytes:
    """Return the link key of an install code, 16 octets.

    Args:
        code: 8, 10, 14 or 18 octets, the CRC at the end.

    Raises:
        InstallCodeError: The size is wrong, or the CRC is.
    """
    if len(code) not in SIZES:
        sizes = ", ".join(str(size) for size in SIZES)
        raise InstallCodeError(f"install code: found {len(code)} octets, wanted one of {sizes}")
    found, wanted = code[-CRC_SIZE:], crc_of(code[:-CRC_SIZE])
    if found != wanted:
        message = f"install code: CRC: found {found.hex().upper()}, wanted {wanted.hex().upper()}"
        raise InstallCodeError(message)
    return aes_mmo(code)


def read_install_code(text: str) -> bytes:
    """Return the octets of an install code as people write it.

    Args:
        text: Hexadecimal digits, spaces, ``-`` and ``:`` between them as one likes.

    Raises:
        InstallCodeError: There is another character, an odd digit, a wrong size or a wrong CRC.
    """
    digits = "".join(one for one in text if one not in " -:")
    try:
        code = bytes.fromhex(digits)
    except ValueError:
        message = f"install code: found {text!r}, wanted pairs of hexadecimal digits"
        raise InstallCodeError(message) from None
    link_key_of(code)
    return code
