"""Write scalars to the base tau, the Frobenius map of a Koblitz curve.

tau(x, y) = (x*x, y*y) is an endomorphism with tau^2 + 2 = mu*tau, so that a scalar is a number of
Z[tau], and a digit more costs two squarings where a bit more costs a doubling. After m digits tau
is the identity.

Source: J. A. Solinas, Efficient arithmetic on Koblitz curves (2000); Guide to Elliptic Curve
Cryptography, 3.4.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

#: a + b*tau.
Number = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Ring:
    """Calculate in Z[tau].

    Args:
        mu: The trace of tau: 1 on curves with a = 1, -1 on those with a = 0.
    """

    mu: int

    def multiply(self, one: Number, other: Number) -> Number:
        """Return the product of two numbers."""
        (a, b), (c, d) = one, other
        return a * c - 2 * b * d, a * d + b * c + self.mu * b * d

    def power(self, exponent: int) -> Number:
        """Return tau to the ``exponent``, which is not negative."""
        number = 1, 0
        for _ in range(exponent):
            number = self.multiply(number, (0, 1))
        return number

    def remainder(self, number: Number, divisor: Number) -> Number:
        """Return a small number that differs from ``number`` by a multiple of ``divisor``."""
        c, d = divisor
        conjugate = c + self.mu * d, -d
        norm, _ = self.multiply(divisor, conjugate)
        a, b = self.multiply(number, conjugate)
        nearest = (2 * a + norm) // (2 * norm), (2 * b + norm) // (2 * norm)
        e, f = self.multiply(nearest, divisor)
        return number[0] - e, number[1] - f


@dataclass(frozen=True, slots=True)
class Recoder:
    """Turn scalars into digits of the width-w tau-adic non-adjacent form.

    Args:
        mu: As of the ring.
        m: Degree of the field: tau^m is 1 on every point.
        width: A digit that is not 0 is odd, below 2^(width - 1) in size, and width - 1 zeros
            follow it.
    """

    mu: int
    m: int
    width: int

    def digits(self, scalar: int) -> Iterator[int]:
        """Return the digits of a scalar, that of tau^0 first: m of them and a few at most.

        A digit u stands for the number ``residues()[u]``, which is u modulo tau^width.
        """
        table, root, whole = self.table()
        mu, half, full = self.mu, 1 << self.width - 1, 1 << self.width
        a, b = Ring(mu).remainder((scalar, 0), whole)
        while a or b:
            digit = 0
            if a & 1:
                digit = (a + b * root) % full
                if digit >= half:
                    digit -= full
                c, d = table[digit]
                a -= c
                b -= d
            yield digit
            # Division by tau.
            a >>= 1
            a, b = b + mu * a, -a

    def residues(self) -> dict[int, Number]:
        """Return the small number that each odd digit stands for."""
        return self.table()[0]

    def table(self) -> tuple[dict[int, Number], int, Number]:
        """Return the residues, what tau is modulo 2^width, and tau^m - 1."""
        return _table(self)

    def terms(self, digit: int) -> list[tuple[int, int]]:
        """Return signs and powers of tau whose sum is what a digit above 0 stands for."""
        a, b = self.residues()[digit]
        found = []
        power = 0
        while a or b:
            if a & 1:
                # The plain form: of 1 and -1 the one that makes the next digit 0.
                sign = 2 - (a - 2 * b) % 4
                found.append((sign, power))
                a -= sign
            a >>= 1
            a, b = b + self.mu * a, -a
            power += 1
        return found


@cache
def _table(recoder: Recoder) -> tuple[dict[int, Number], int, Number]:
    ring = Ring(recoder.mu)
    full = 1 << recoder.width
    modulus = ring.power(recoder.width)
    # The root of t*t + 2 = mu*t modulo 2^width that is even: tau modulo tau^width, as an integer.
    root = next(t for t in range(0, full, 2) if (t * t + 2 - recoder.mu * t) % full == 0)
    residues = {u: ring.remainder((u, 0), modulus) for u in range(1, full >> 1, 2)}
    residues |= {-u: (-a, -b) for u, (a, b) in residues.items()}
    a, b = ring.power(recoder.m)
    return residues, root, (a - 1, b)
