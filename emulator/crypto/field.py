"""Calculate in the fields GF(2^m) of the two curves: an element is an int, bit i the factor of z^i.

Nothing here takes constant time: a test tool's keys are no secrets, and production keys must never
come near it.

Source: SEC 2, 3.2.1 and 3.5.1 (the polynomials); Guide to Elliptic Curve Cryptography, 2.3.
"""

from collections.abc import Sequence
from dataclasses import dataclass

#: Bits of one class are this far apart. A class of an element of 283 bits has at most 48, and so
#: many ones at most meet in one place of a product: they count below 2**6 and carry into no other.
_STRIDE = 6
_WIDEST = 288


def _class_mask(first: int) -> int:
    return sum(1 << bit for bit in range(first, 2 * _WIDEST, _STRIDE))


_C0, _C1, _C2, _C3, _C4, _C5 = (_class_mask(first) for first in range(_STRIDE))


def multiply_polynomials(a: int, b: int) -> int:
    """Return the product of two polynomials over GF(2), not reduced.

    Six classes of bits a side, six apart: the ordinary product of two classes has at every sixth
    place the count of the pairs that meet there, and the count's lowest bit is what GF(2) wants.

    Args:
        a: At most 288 bits.
        b: As ``a``.
    """
    a0, a1, a2, a3, a4, a5 = a & _C0, a & _C1, a & _C2, a & _C3, a & _C4, a & _C5
    b0, b1, b2, b3, b4, b5 = b & _C0, b & _C1, b & _C2, b & _C3, b & _C4, b & _C5
    return (
        (a0 * b0 ^ a1 * b5 ^ a2 * b4 ^ a3 * b3 ^ a4 * b2 ^ a5 * b1) & _C0
        | (a0 * b1 ^ a1 * b0 ^ a2 * b5 ^ a3 * b4 ^ a4 * b3 ^ a5 * b2) & _C1
        | (a0 * b2 ^ a1 * b1 ^ a2 * b0 ^ a3 * b5 ^ a4 * b4 ^ a5 * b3) & _C2
        | (a0 * b3 ^ a1 * b2 ^ a2 * b1 ^ a3 * b0 ^ a4 * b5 ^ a5 * b4) & _C3
        | (a0 * b4 ^ a1 * b3 ^ a2 * b2 ^ a3 * b1 ^ a4 * b0 ^ a5 * b5) & _C4
        | (a0 * b5 ^ a1 * b4 ^ a2 * b3 ^ a3 * b2 ^ a4 * b1 ^ a5 * b0) & _C5
    )


@dataclass(frozen=True, slots=True)
class Field:
    """Know the field GF(2^m) that z^m + z^u + z^v + z^w + 1 makes.

    Args:
        m: Degree, odd, and at most 288: see ``multiply_polynomials``.
        taps: The exponents u, v and w, each below m / 2.
    """

    m: int
    taps: tuple[int, int, int]

    @property
    def polynomial(self) -> int:
        """Return the polynomial that is zero here, with its highest term."""
        return 1 << self.m | sum(1 << tap for tap in self.taps) | 1

    def holds(self, a: int) -> bool:
        """Tell whether ``a`` is an element, and not negative or too long."""
        return 0 <= a >> self.m < 1

    def reduce(self, a: int) -> int:
        """Return the element that a product of two is equal to."""
        m = self.m
        u, v, w = self.taps
        high = a >> m
        a ^= high << m ^ high << u ^ high << v ^ high << w ^ high
        high = a >> m
        return a ^ high << m ^ high << u ^ high << v ^ high << w ^ high

    def multiply(self, a: int, b: int) -> int:
        """Return a * b."""
        return self.reduce(multiply_polynomials(a, b))

    def square(self, a: int) -> int:
        """Return a * a: a binary numeral read to the base 4 has a zero after each bit."""
        return self.reduce(int(f"{a:b}", 4))

    def invert(self, a: int) -> int:
        """Return 1 / a by Euclid's algorithm.

        Raises:
            ZeroDivisionError: ``a`` is 0.
        """
        if not a:
            raise ZeroDivisionError("0 has no inverse in a field")
        one, other, factor, other_factor = a, self.polynomial, 1, 0
        while one != 1:
            shift = one.bit_length() - other.bit_length()
            if shift < 0:
                one, other, factor, other_factor = other, one, other_factor, factor
                shift = -shift
            one ^= other << shift
            factor ^= other_factor << shift
        return self.reduce(factor)

    def invert_all(self, elements: Sequence[int]) -> list[int]:
        """Return 1 / a for each ``a``, none of them 0, for the price of one and some products.

        Source: Montgomery's trick; Guide to Elliptic Curve Cryptography, algorithm 2.26.
        """
        products = [1]
        for a in elements:
            products.append(self.multiply(products[-1], a))
        inverse = self.invert(products.pop())
        inverses = []
        for a, product in zip(reversed(elements), reversed(products), strict=True):
            inverses.append(self.multiply(inverse, product))
            inverse = self.multiply(inverse, a)
        return inverses[::-1]

    def trace(self, a: int) -> int:
        """Return the trace of ``a``, 0 or 1: the sum of all the a^(2^i).

        Only z^0 and z^(m - tap) for even taps have trace 1, by Newton's identities, since m is odd.
        """
        parity = a & 1
        for tap in self.taps:
            if not tap & 1:
                parity ^= a >> (self.m - tap) & 1
        return parity

    def half_trace(self, a: int) -> int:
        """Return z with z * z + z = a, where ``a`` has trace 0; the other solution is z + 1.

        Source: IEEE 1363, A.4.7; Guide to Elliptic Curve Cryptography, 3.6.2.
        """
        total = a
        for _ in range(self.m // 2):
            a = self.square(self.square(a))
            total ^= a
        return total
