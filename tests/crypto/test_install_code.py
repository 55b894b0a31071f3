"""Install codes: published examples, and every way to copy one wrongly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.crypto.install_code import SIZES, crc_of, link_key_of, read_install_code
from emulator.errors import InstallCodeError

#: 13-0402-13 (Base Device Behavior), 10.1.
CODE = bytes.fromhex("83FED3407A939723A5C639B26916D505C3B5")
KEY = bytes.fromhex("66B6900981E1EE3CA4206B6B861C02BB")


def test_the_published_example() -> None:
    assert crc_of(CODE[:-2]) == CODE[-2:]
    assert link_key_of(CODE) == KEY


def test_the_check_value_of_the_crc() -> None:
    """CRC-16/X-25 of ``123456789`` is 0x906E in every catalogue of CRCs."""
    assert crc_of(b"123456789") == bytes.fromhex("6E90")


@pytest.mark.parametrize("size", SIZES)
def test_every_size_gives_a_key_of_its_own(size: int) -> None:
    code = bytes(range(size - 2))
    keys = {link_key_of(code + crc_of(code)), KEY}
    assert [len(key) for key in keys] == [16, 16]


@pytest.mark.parametrize("size", [0, 1, 2, 6, 7, 9, 11, 12, 13, 16, 17, 19, 20])
def test_other_sizes_are_named(size: int) -> None:
    code = bytes(max(0, size - 2))
    with pytest.raises(InstallCodeError, match=f"found {size} octets, wanted one of 8, 10, 14, 18"):
        link_key_of((code + crc_of(code))[:size])


def test_a_wrong_crc_is_one_clear_error() -> None:
    with pytest.raises(InstallCodeError) as raised:
        link_key_of(CODE[:-1] + b"\xb4")
    assert str(raised.value) == "install code: CRC: found C3B4, wanted C3B5"


@given(st.sampled_from([6, 8, 12, 16]).flatmap(lambda n: st.binary(min_size=n, max_size=n)))
def test_any_single_wrong_bit_is_found(code: bytes) -> None:
    good = code + crc_of(code)
    assert len(link_key_of(good)) == 16
    for bit in range(8 * len(good)):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        with pytest.raises(InstallCodeError, match="CRC"):
            link_key_of(bytes(bad))


@pytest.mark.parametrize(
    "text",
    [
        "83FED3407A939723A5C639B26916D505C3B5",
        "83fe d340 7a93 9723 a5c6 39b2 6916 d505 c3b5",
        "83:FE:D3:40:7A:93:97:23:A5:C6:39:B2:69:16:D5:05:C3:B5",
        " 83FE-D340-7A93-9723-A5C6-39B2-6916-D505-C3B5 ",
    ],
)
def test_codes_are_read_as_people_write_them(text: str) -> None:
    assert read_install_code(text) == CODE


@pytest.mark.parametrize("text", ["", "83F", "8g", "0x83FE", CODE.hex() + "\n0", "83,FE"])
def test_what_is_no_code_is_refused(text: str) -> None:
    with pytest.raises(InstallCodeError, match=r"^install code: found "):
        read_install_code(text)
