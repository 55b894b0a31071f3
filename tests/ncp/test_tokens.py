"""What a stick keeps: as values, as JSON, and as hosts write and reset it."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.ncp.commands import VERSIONS
from emulator.ncp.fields import NetworkParameters
from emulator.ncp.tokens import (
    LinkKey,
    Network,
    NvToken,
    TokenError,
    Tokens,
    from_json,
    to_json,
)
from tests.ncp.desk import EUI64, LINK_KEY, NETWORK_KEY, PARAMETERS, Desk

octet, short, long = st.integers(0, 0xFF), st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF)
eui64, key = st.integers(0, 2**64 - 1), st.binary(min_size=16, max_size=16)
parameters = st.builds(
    NetworkParameters,
    extended_pan_id=st.binary(min_size=8, max_size=8),
    pan_id=short,
    radio_tx_power=st.integers(-128, 127),
    radio_channel=octet,
    join_method=octet,
    network_manager=short,
    update_id=octet,
    channels=long,
)
networks = st.builds(
    Network,
    parameters=parameters,
    node_kind=octet,
    address=short,
    network_key=key,
    network_key_sequence=octet,
    alternate_key=st.none() | key,
    alternate_sequence=octet,
    link_key=key,
    bitmask=short,
    trust_centre=eui64,
)
link_keys = st.builds(
    LinkKey,
    index=octet,
    eui64=eui64,
    key=key,
    outgoing_frame_counter=long,
    incoming_frame_counter=long,
)
tokens = st.builds(
    Tokens,
    factory_eui64=eui64,
    network=st.none() | networks,
    link_keys=st.lists(link_keys, max_size=3).map(tuple),
    network_frame_counter=long,
    aps_frame_counter=long,
    objects=st.lists(
        st.builds(NvToken, token=long, index=long, data=st.binary(max_size=9)), max_size=3
    ).map(tuple),
    manufacturing=st.lists(st.tuples(octet, st.binary(max_size=9)), max_size=3).map(tuple),
)

NETWORK = Network(
    parameters=PARAMETERS,
    node_kind=1,
    address=0,
    network_key=NETWORK_KEY,
    network_key_sequence=3,
    alternate_key=None,
    alternate_sequence=0,
    link_key=LINK_KEY,
    bitmask=0x94,
    trust_centre=EUI64,
)
FULL = Tokens(
    factory_eui64=EUI64,
    network=NETWORK,
    link_keys=(LinkKey(index=1, eui64=7, key=LINK_KEY),),
    objects=(NvToken(token=0xE12A, index=0, data=b"\xff" * 8),),
    manufacturing=((1, b"abc"),),
)


@given(tokens)
def test_json_keeps_everything(kept: Tokens) -> None:
    assert from_json(json.loads(json.dumps(to_json(kept))), "state.json") == kept


def test_the_form_can_be_read_by_people() -> None:
    document = to_json(FULL)
    assert document["schema"] == 1
    assert document["factory_eui64"] == "000d6f000a0b0c0d"
    assert document["network"]["network_key"] == NETWORK_KEY.hex()
    assert document["network"]["parameters"]["pan_id"] == 0x1A62
    assert document["manufacturing"] == [[1, "616263"]]


def changed(path: str, value: Any) -> Any:  # noqa: ANN401 - JSON
    """Return the full document with one member changed, or removed by ``...``."""
    document = json.loads(json.dumps(to_json(FULL)))
    *way, last = path.split(".")
    at: Any = document
    for step in way:
        at = at[int(step)] if step.isdigit() else at[step]
    if value is ...:
        del at[last]
    else:
        at[last] = value
    return document


@pytest.mark.parametrize(
    ("path", "value", "why"),
    [
        ("schema", 2, "schema: found 2, wanted 1"),
        ("schema", ..., "schema: found nothing, wanted 1"),
        ("factory_eui64", ..., "factory_eui64: found nothing, wanted a value"),
        ("factory_eui64", 12, "factory_eui64: found 12, wanted 8 octets in hexadecimal"),
        ("factory_eui64", "00", "factory_eui64: found '00', wanted 8 octets in hexadecimal"),
        ("colour", 1, "colour: found 1, wanted no such field"),
        ("network", [], "network: found [], wanted an object"),
        ("network.address", ..., "network.address: found nothing, wanted a value"),
        ("network.address", 65536, "network.address: found 65536, wanted an integer from 0 to"),
        ("network.address", True, "network.address: found True, wanted an integer from 0 to"),
        ("network.network_key", "zz", "network.network_key: found 'zz', wanted 16 octets"),
        ("network.network_key", "00", "network.network_key: found '00', wanted 16 octets"),
        ("network.parameters", None, "network.parameters: found nothing, wanted an object"),
        ("network.parameters.radio_tx_power", 128, "radio_tx_power: found 128, wanted an integer"),
        ("link_keys", {}, "link_keys: found {}, wanted a list"),
        ("link_keys.0.key", 3, "link_keys[0].key: found 3, wanted 16 octets in hexadecimal"),
        ("link_keys.0.extra", 3, "link_keys[0].extra: found 3, wanted no such field"),
        ("objects", [3], "objects[0]: found 3, wanted an object"),
        ("manufacturing", [[1]], "manufacturing[0]: found [1], wanted a token id and its octets"),
        ("manufacturing", [[300, ""]], "manufacturing[0]: found 300, wanted an integer from 0"),
    ],
)
def test_a_bad_document_is_explained(path: str, value: Any, why: str) -> None:  # noqa: ANN401
    with pytest.raises(TokenError) as caught:
        from_json(changed(path, value), "hub.json")
    assert str(caught.value).startswith("hub.json: ")
    assert why in str(caught.value)


@pytest.mark.parametrize("document", [None, [], "x", 3])
def test_what_is_no_object_is_refused(document: object) -> None:
    with pytest.raises(TokenError, match=r"hub\.json: found .*, wanted an object"):
        from_json(document, "hub.json")


def test_lines_of_the_key_table_keep_their_order() -> None:
    kept = Tokens(factory_eui64=1)
    for index in (3, 1, 2, 1):
        kept = kept.with_link_key(LinkKey(index=index, eui64=index, key=LINK_KEY))
    assert [line.index for line in kept.link_keys] == [1, 2, 3]
    assert kept.without_link_key(2).link_key(2) is None
    assert kept.link_key_of(3) == kept.link_key(3)
    assert kept.link_key_of(9) is None


# As hosts write them.

every_version = pytest.mark.parametrize("version", VERSIONS)


@every_version
def test_the_restored_eui64_replaces_the_factorys(version: int) -> None:
    desk = Desk(version)
    blank = {"status": 0, "data": b"\xff" * 8}
    assert desk.ask("getTokenData", token=0xE12A, index=0) == blank
    new = bytes(range(1, 9))
    assert desk.ask("setTokenData", token=0xE12A, index=0, data=new) == {"status": 0}
    assert desk.ask("getTokenData", token=0xE12A, index=0)["data"] == new
    assert desk.restart().ask("getEui64") == {"eui64": 0x0807060504030201}

    assert desk.ask("setTokenData", token=0xE12A, index=0, data=b"\xff" * 8) == {"status": 0}
    assert desk.restart().ask("getEui64") == {"eui64": EUI64}
    assert desk.ask("setTokenData", token=0xE12A, index=0, data=b"\xff")["status"] != 0


@every_version
def test_other_objects_are_not_there(version: int) -> None:
    desk = Desk(version)
    wanted = 0x03 if version == 13 else 0x2D
    for token, index in ((0xEE64, 0), (0xE12A, 1), (0x1E125, 0)):
        found = desk.ask("getTokenData", token=token, index=index)
        assert found == {"status": wanted, "data": b""}
        written = desk.ask("setTokenData", token=token, index=index, data=bytes(8))
        assert written == {"status": wanted}


@every_version
def test_objects_are_listed(version: int) -> None:
    desk = Desk(version)
    count = desk.ask("getTokenCount")["count"]
    infos = [desk.ask("getTokenInfo", index=index)["info"] for index in range(count)]
    assert [(info.key, info.size) for info in infos] == [(0xE12A, 8), (0x1E125, 8)]
    assert desk.ask("getTokenInfo", index=count)["status"] != 0


def test_the_update_id_can_be_written() -> None:
    desk = Desk()
    desk.form()
    old = desk.ask("getTokenData", token=0x1E125, index=0)["data"]
    assert old == bytes.fromhex("00800000" + "0000" + "00" + "00")
    new = old[:6] + b"\x09\x00"
    assert desk.ask("setTokenData", token=0x1E125, index=0, data=new) == {"status": 0}

    again = desk.restart()
    assert again.ask("networkInit", bitmask=0) == {"status": 0}
    again.run()
    assert again.ask("getNetworkParameters")["parameters"] == replace(PARAMETERS, update_id=9)


@every_version
def test_manufacturing_tokens_are_written_once(version: int) -> None:
    desk = Desk(version)
    assert desk.ask("getMfgToken", token=0x0C) == {"data": b"\xff" * 8}
    assert desk.ask("getMfgToken", token=0x01)["data"].rstrip(b"\xff") == b"Hanover"
    assert desk.ask("getMfgToken", token=0x77) == {"data": b""}

    assert desk.ask("setMfgToken", token=0x0C, data=b"short")["status"] != 0
    assert desk.ask("setMfgToken", token=0x77, data=b"")["status"] != 0
    assert desk.ask("setMfgToken", token=0x0C, data=bytes(range(8))) == {"status": 0}
    assert desk.ask("setMfgToken", token=0x0C, data=bytes(8))["status"] != 0
    assert desk.restart().ask("getMfgToken", token=0x0C) == {"data": bytes(range(8))}


@pytest.mark.parametrize("keep", [False, True])
def test_a_factory_reset_forgets_the_network(keep: bool) -> None:
    desk = Desk()
    desk.ask("setValue", value_id=0x23, value=b"\x10\x00\x00\x00")
    desk.ask("setValue", value_id=0x24, value=b"\x20\x00\x00\x00")
    desk.ask("setMfgToken", token=0x0C, data=bytes(8))
    desk.ask("setTokenData", token=0xE12A, index=0, data=bytes(range(8)))
    desk.form()
    desk.ask("importLinkKey", index=0, eui64=5, key=LINK_KEY)
    assert desk.stick.tokens.network is not None

    desk.ask("tokenFactoryReset", keep_frame_counters=keep, keep_boot_counter=keep)
    assert desk.stick.tokens.network is None
    assert desk.stick.tokens.link_keys == ()
    assert desk.stick.tokens.network_frame_counter == (0x10 if keep else 0)
    assert desk.stick.tokens.aps_frame_counter == (0x20 if keep else 0)
    assert desk.stick.tokens.manufacturing == ((0x0C, bytes(8)),)
    assert desk.stick.tokens.object(0xE12A, 0) == bytes(range(8))
    assert desk.restart().ask("networkInit", bitmask=0) == {"status": 0x93}
