"""Install codes, against zigpy's own conversion."""

from hypothesis import given
from hypothesis import strategies as st
from zigpy.util import convert_install_code

from emulator.crypto.install_code import crc_of, link_key_of


@given(st.sampled_from([6, 8, 12, 16]).flatmap(lambda n: st.binary(min_size=n, max_size=n)))
def test_zigpy_derives_the_same_key(code: bytes) -> None:
    whole = code + crc_of(code)
    assert link_key_of(whole) == bytes(convert_install_code(whole))


@given(st.binary(max_size=24))
def test_zigpy_refuses_what_we_refuse(code: bytes) -> None:
    outcomes = []
    for convert in (link_key_of, convert_install_code):
        try:
            outcomes.append(bytes(convert(code)))
        except ValueError:
            outcomes.append(None)
    assert outcomes[0] == outcomes[1]
