"""Find the test vectors, whether Hanover runs from a wheel or from a checkout."""

from pathlib import Path

from emulator.errors import HanoverError

_PACKAGE = Path(__file__).parent
#: Each of the two homes of the vectors holds this file.
_MARK = "README.md"


class DataMissingError(HanoverError):
    """The vectors are where neither a wheel nor a checkout has them: install Hanover again."""


def vectors(package: Path = _PACKAGE) -> Path:
    """Return the folder of the test vectors.

    A wheel carries them inside the package; a checkout, and an editable install of one, beside it.

    Args:
        package: The folder of the package ``harness``.

    Raises:
        DataMissingError: Neither place holds them; the installation is broken.
    """
    inside, beside = package / "_vectors", package.parent / "vectors"
    for folder in (inside, beside):
        if (folder / _MARK).is_file():
            return folder
    raise DataMissingError(
        f"no test vectors: neither {inside / _MARK} (wheel) nor {beside / _MARK} (checkout)"
    )
