"""Say whom a bridge believes: the public keys and names that signatures are held against."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from emulator.errors import CryptoError
from emulator.profiles.section import Range, Section

#: 0 and all ones are no device.
_EUI64 = Range(1, (1 << 64) - 2, hexadecimal=True, digits=16)
Eui64 = Annotated[int, _EUI64]
#: Hexadecimal digits of a point that a message shows.
_SHOWN = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustProfile(Section):
    """Hold what a bridge was given in the factory to judge signatures with.

    Every key may be left out; ``Profile`` sees that a step which needs one has it. Points are in
    hex: compressed for the suites, 65 uncompressed octets for P-256.
    """

    TABLE: ClassVar[str] = "trust"

    signers: tuple[Eui64, ...] = ()
    issuer: Eui64 | None = None
    ca_suite1: str | None = None
    ca_suite2: str | None = None
    gb_key: str | None = None

    def authority(self, suite: int) -> bytes | None:
        """Return the compressed public key of the CA of suite 1 or 2; None: there is none."""
        text = self.ca_suite1 if suite == 1 else self.ca_suite2
        return None if text is None else bytes.fromhex(text)

    @property
    def supplier(self) -> bytes | None:
        """Return the P-256 public key that raw containers are signed with; None: none."""
        return None if self.gb_key is None else bytes.fromhex(self.gb_key)

    def _check(self) -> None:
        for index, one in enumerate(self.signers):
            if not _EUI64.least <= one <= _EUI64.most:
                self._refuse(f"signers[{index}]", _EUI64.show(one), str(_EUI64))
            if one in self.signers[:index]:
                self._refuse(f"signers[{index}]", _EUI64.show(one), "each signer once")
        self._check_point("ca_suite1", 1)
        self._check_point("ca_suite2", 2)
        self._check_gb_key()

    def _check_point(self, name: str, suite: int) -> None:
        from emulator.crypto.suites import FACTS, Suite  # most profiles trust nobody

        curve = FACTS[Suite(suite)].curve
        expected = f"a compressed point of {curve.name} in hex"
        octets = self._octets(name, expected)
        if octets is None:
            return
        try:
            point = curve.decompress(octets)
        except CryptoError as error:
            self._refuse(name, _short(octets), f"{expected} ({error})")
        if not curve.is_public_key(point):
            self._refuse(name, "a point of another order", expected)

    def _check_gb_key(self) -> None:
        from emulator.crypto import p256

        expected = "a P-256 point of 65 octets in hex, 04 first"
        octets = self._octets("gb_key", expected)
        if octets is None:
            return
        try:
            p256.verify(octets, b"", bytes(64))
        except CryptoError as error:
            self._refuse("gb_key", _short(octets), f"{expected} ({error})")

    def _octets(self, name: str, expected: str) -> bytes | None:
        text = getattr(self, name)
        if text is None:
            return None
        try:
            return bytes.fromhex(text)
        except ValueError:
            self._refuse(name, f'"{text[:_SHOWN]}"', expected)


def _short(octets: bytes) -> str:
    text = octets.hex()
    return f"{text[:_SHOWN]}... of {len(octets)} octets" if len(text) > _SHOWN else f'"{text}"'
