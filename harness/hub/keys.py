"""Derive the keys that a hub hands out: the same for the same seed."""

from hashlib import blake2b

from emulator.actions import KEY_OCTETS, Joined


def admitted(members: dict[int, int], seed: int, eui64: int) -> Joined:
    """Return what a device is told that a network takes in; a new one gets the next address.

    Args:
        members: NWK address of each device that was admitted, by EUI-64.
        seed: What the keys are derived from.
        eui64: The device's.
    """
    return Joined(
        address=members.setdefault(eui64, 0x1A01 + len(members)),
        network_key=network_key(seed),
        link_key=link_key(seed, eui64),
    )


def network_key(seed: int) -> bytes:
    """Return the 16 octets of a network's key."""
    return _key(seed, "network")


def link_key(seed: int, eui64: int) -> bytes:
    """Return the 16 octets of the key between a trust centre and one device."""
    return _key(seed, f"link {eui64:016x}")


def _key(seed: int, name: str) -> bytes:
    return blake2b(f"{seed}/{name}".encode(), digest_size=KEY_OCTETS).digest()
