"""Derive the keys that a hub hands out: the same for the same seed."""

from hashlib import blake2b

from emulator.actions import KEY_OCTETS, Joined


def admitted(members: dict[int, int], seed: int, eui64: int, key_id: int) -> Joined:
    """Return what a device is told that a network takes in; a new one gets the next address.

    Args:
        members: NWK address of each device that was admitted, by EUI-64.
        seed: What the keys are derived from.
        eui64: The device's.
        key_id: Sequence number of the network key in use.
    """
    return Joined(
        address=members.setdefault(eui64, 0x1A01 + len(members)),
        key_id=key_id,
        network_key=network_key(seed, key_id),
        link_key=link_key(seed, eui64),
    )


def network_key(seed: int, key_id: int = 0) -> bytes:
    """Return the 16 octets of a network's key, the first one or another."""
    return _key(seed, f"network {key_id}" if key_id else "network")


def link_key(seed: int, eui64: int, used: int = 0) -> bytes:
    """Return the 16 octets of the key between a trust centre and one device.

    Args:
        seed: What the keys are derived from.
        eui64: The device's.
        used: How many keys the device had before.
    """
    return _key(seed, f"link {eui64:016x}" + (f" {used}" if used else ""))


def _key(seed: int, name: str) -> bytes:
    return blake2b(f"{seed}/{name}".encode(), digest_size=KEY_OCTETS).digest()
