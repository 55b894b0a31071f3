"""Homes come from TOML; every complaint is one line that names file, key, found and wanted."""

import re
from dataclasses import replace
from importlib import resources
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.profiles import load as profiles
from emulator.profiles.model import Role
from emulator.units import MILLISECOND, SECOND
from harness.cli.profiles import as_toml
from harness.dut.table import Table
from harness.premises.load import LARGEST_FILE, find, load, names, parse
from harness.premises.model import DeviceKind, LinkKind, Premises, PremisesError

PAGE = Path(__file__).parents[2] / "docs" / "premises.md"
C6 = resources.files("harness.premises").joinpath("data", "c6.toml").read_text("utf-8")

SMALL = """
name = "C1"
about = "display out of range, gas meter at the hub"

[[bridge]]
type = "B1"
profile = "B1"
role = "near"
parent = "hub"
serves = ["remote_ihd"]

[[bridge]]
type = "B2"
profile = "B2"
role = "remote_ihd"
parent = "near"
serves = ["display"]

[[device]]
name = "display"
kind = "display"
parent = "remote_ihd"

[[device]]
name = "meter"
kind = "gas_meter"
parent = "hub"
"""


def complaint(text: str, folder: Path | None = None) -> str:
    with pytest.raises(PremisesError) as caught:
        parse(text, "mine.toml", folder)
    message = str(caught.value)
    assert message.startswith("mine.toml: ")
    assert message.isprintable()
    return message.removeprefix("mine.toml: ")


def test_all_are_found_by_name_in_any_case() -> None:
    assert names() == (
        *(f"C{number}" for number in range(1, 8)),
        *(f"C{number}-alternative" for number in range(1, 8)),
    )
    for name in names():
        assert load(name).label == name
        assert load(name.lower()) == find(name) == load(name)


def test_a_name_that_is_none_says_which_there_are() -> None:
    with pytest.raises(PremisesError) as caught:
        find("C8")
    said = f"C8: found no such home, wanted one of {', '.join(names())}, or a file (.toml)"
    assert str(caught.value) == said


def test_the_keys_that_may_be_left_out_have_the_values_of_the_built_in_homes() -> None:
    built_in, small = load("C1"), parse(SMALL, "small.toml")
    without = tuple(replace(one, other=None) for one in built_in.bridges)
    assert small.bridges == without
    assert small.devices == built_in.devices
    assert sorted(small.links, key=lambda one: one.between) == sorted(
        built_in.links, key=lambda one: one.between
    )
    assert replace(small, links=built_in.links, bridges=built_in.bridges) == built_in


def test_every_key_has_its_effect() -> None:
    text = C6
    for old, new in (
        ('[hub]\nname = "hub"', '[hub]\nname = "ch"'),
        ('parent = "hub"', 'parent = "ch"'),
        ('"hub", "near"', '"ch", "near"'),
        ('name = "display"', 'name = "screen"'),
        ('"display"]', '"screen"]'),
        ("period_s = 10\n", "period_s = 60\n"),
        ("tries = 2", "tries = 4"),
        ("timeout_ms = 3000", "timeout_ms = 15000"),  # four of them are the period
        ("sleepy = false", "sleepy = true"),
        ("latency_ms = 5\noctets_per_s = 12500", "latency_ms = 70\noctets_per_s = 900"),
        ("loss = 0.0\nduplicates = 0.0\nprotocol = 1", "loss = 1\nduplicates = 0.25\nprotocol = 7"),
    ):
        assert old in text
        text = text.replace(old, new)
    home = parse(text, "mine.toml")
    assert home.names == ("ch", "near", "remote_ihd", "remote_gsme", "screen", "meter")
    screen = home.device("screen")
    assert (screen.kind, screen.parent) == (DeviceKind.DISPLAY, "remote_ihd")
    assert (screen.period_us, screen.tries) == (60 * SECOND, 4)
    assert (screen.timeout_us, screen.sleepy) == (15 * SECOND, True)
    link = home.link("near", "remote_gsme")
    assert (link.latency_us, link.octets_per_s) == (70 * MILLISECOND, 900)
    assert (link.loss, link.duplicates, link.protocol) == (1.0, 0.25, 7)
    assert link.kind is LinkKind.BRIDGE
    assert home.protocols("near") == (7, 7)


BAD = [
    ('name = "C6"', 'nam = "C6"', "name: found nothing, wanted a text"),
    (
        'about = "',
        'tenant = "x"\nabout = "',
        "tenant: found an unknown key, wanted one of name, about, hub, bridge, device, link",
    ),
    (
        '[hub]\nname = "hub"',
        '[hub]\nnames = "hub"',
        "hub.names: found an unknown key, wanted one of name; did you mean name?",
    ),
    (
        '[hub]\nname = "hub"',
        "[hub]\nname = 3",
        "hub.name: found 3, wanted a text that is not empty",
    ),
    (
        'role = "near"',
        'role = "middle"',
        'bridge[0].role: found "middle", wanted one of near, remote_ihd, remote_gsme',
    ),
    (
        'profile = "B2"',
        'profile = "B9"',
        'bridge[1].profile: found "B9", wanted one of B1, B2, B3, B4',
    ),
    (
        'profile = "B2"',
        'profile = "mine.toml"',
        'bridge[1].profile: found "mine.toml", wanted one of B1, B2, B3, B4',
    ),
    (
        'profile = "B2"',
        'profile = "b1"',
        'bridge[1].profile: found "B1", whose role is near, wanted one whose role is remote_ihd '
        "or remote_gsme",
    ),
    ('parent = "near"\n', "", "bridge[1].parent: found nothing, wanted a text"),
    (
        'serves = ["display"]',
        'serves = "display"',
        'bridge[1].serves: found "display", wanted a list of texts',
    ),
    (
        'alternative = { type = "B3", profile = "B3" }',
        'alternative = { type = "B3" }',
        "bridge[1].alternative.profile: found nothing, wanted a text",
    ),
    (
        'alternative = { type = "B3", profile = "B3" }',
        'alternative = { type = "B3", profile = "B3", size = 1 }',
        "bridge[1].alternative.size: found an unknown key, wanted one of type, profile",
    ),
    (
        'kind = "gas_meter"',
        'kind = "meter"',
        'device[1].kind: found "meter", wanted one of display, gas_meter',
    ),
    (
        "period_s = 10\n",
        "period_s = 0\n",
        "device[0].period_s: found 0, wanted an integer in 1..86400",
    ),
    (
        "period_s = 10\n",
        "period_s = true\n",
        "device[0].period_s: found True, wanted an integer in 1..86400",
    ),
    ("tries = 3", "tries = 3.0", "device[1].tries: found 3.0, wanted an integer in 1..20"),
    (
        "timeout_ms = 3000",
        "timeout_ms = 5001",
        "device[0].timeout_ms: found 2 tries of 5001, wanted at most 10000, as period_s says",
    ),
    ("sleepy = false", "sleepy = 0", "device[0].sleepy: found 0, wanted true or false"),
    (
        'between = ["hub", "near"]',
        'between = ["hub"]',
        "link[0].between: found hub, wanted two names, the parent's first",
    ),
    (
        'between = ["hub", "near"]\nkind = "zigbee"',
        'between = ["hub", "near"]\nkind = "wire"',
        'link[0].kind: found "wire", wanted one of zigbee, bridge',
    ),
    (
        "latency_ms = 5\nloss",
        "latency_ms = 0\nloss",
        "link[0].latency_ms: found 0, wanted an integer in 1..60000",
    ),
    ("loss = 0.0", "loss = 1.01", "link[0].loss: found 1.01, wanted a number in 0..1"),
    ("loss = 0.0", "loss = nan", "link[0].loss: found nan, wanted a number in 0..1"),
    ("loss = 0.0", "loss = true", "link[0].loss: found True, wanted a number in 0..1"),
    (
        "duplicates = 0.0",
        'duplicates = "some"',
        'link[0].duplicates: found "some", wanted a number in 0..1',
    ),
    (
        "octets_per_s = 12500",
        "octets_per_s = -1",
        "link[1].octets_per_s: found -1, wanted an integer in 1..1000000000",
    ),
    ("protocol = 1", "protocol = 256", "link[1].protocol: found 256, wanted an integer in 1..255"),
    (
        "duplicates = 0.0\n",
        "duplicates = 0.0\nprotocol = 1\n",
        "link[0].protocol: found 1, wanted no such key in a zigbee hop",
    ),
    # One of the checks of the whole home: the others are in test_model.py.
    (
        'parent = "remote_ihd"',
        'parent = "cellar"',
        'device[0].parent: found "cellar", wanted one of hub, remote_ihd, remote_gsme',
    ),
]


@pytest.mark.parametrize(("old", "new", "message"), BAD, ids=[new[:30] for _, new, _ in BAD])
def test_a_slip_is_named(old: str, new: str, message: str) -> None:
    assert old in C6
    assert complaint(C6.replace(old, new, 1)) == message


def test_a_message_is_one_line_whatever_a_value_holds() -> None:
    text = C6.replace('parent = "remote_ihd"', 'parent = "a\\n\\u001b[2Jb"')
    wanted = "wanted one of hub, remote_ihd, remote_gsme"
    assert complaint(text) == f'device[0].parent: found "a\\n\\x1b[2Jb", {wanted}'


def test_what_is_no_toml_is_refused() -> None:
    assert complaint("name =").endswith(", wanted a file of TOML")
    assert complaint("a=" + "[" * 5000).endswith(", wanted a file of TOML")
    assert complaint("bridge = 3\n" + 'name = "a"\nabout = "b"') == (
        "bridge: found 3, wanted tables [[bridge]]"
    )


class TestFiles:
    """A home of the user's lies in a file, and its profiles beside it."""

    def test_profile_beside_the_file(self, tmp_path: Path) -> None:
        changed = profiles.overlay(profiles.load("B2"), {"name": "mine", "ota.block_tries": 7})
        (tmp_path / "mine.toml").write_text(as_toml(changed), "utf-8")
        file = tmp_path / "house.toml"
        file.write_text(SMALL.replace('profile = "B2"', 'profile = "mine.toml"'), "utf-8")
        found = find(str(file)).bridge("remote_ihd").profile
        assert found == changed
        assert found.ota.block_tries == 7

    def test_a_mains_profile_of_either_remote_role_fits(self, tmp_path: Path) -> None:
        text = SMALL.replace('profile = "B2"', 'profile = "B3"')
        assert parse(text, "mine.toml").bridge("remote_ihd").profile.role is Role.REMOTE_IHD

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (None, "no such file or directory, wanted a file that can be read"),
            (b"\xff", "no UTF-8 at octet 0 of mine.toml, wanted a profile"),
            (b"x" * (LARGEST_FILE + 1), f"more than {LARGEST_FILE} octets, wanted at most that"),
        ],
    )
    def test_a_profile_that_is_none(
        self, tmp_path: Path, content: bytes | None, message: str
    ) -> None:
        if content is not None:
            (tmp_path / "mine.toml").write_bytes(content)
        text = SMALL.replace('profile = "B2"', 'profile = "mine.toml"')
        told = complaint(text, tmp_path)
        assert told.startswith("bridge[1].profile: ")
        assert told.endswith(f"found {message}")

    def test_a_name_that_is_neither(self, tmp_path: Path) -> None:
        assert complaint(SMALL.replace('profile = "B2"', 'profile = "B22"'), tmp_path) == (
            'bridge[1].profile: found "B22", wanted one of B1, B2, B3, B4, or a profile\'s file '
            "(.toml)"
        )

    def test_a_path_that_no_file_can_have(self, tmp_path: Path) -> None:
        told = complaint(SMALL.replace('profile = "B2"', 'profile = "a\\u0000.toml"'), tmp_path)
        assert told.startswith("bridge[1].profile: a\\x00.toml: found ")
        assert told.endswith("null byte, wanted a file that can be read")

    def test_a_wrong_key_of_a_profile_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "mine.toml").write_text("nam = 1", "utf-8")
        text = SMALL.replace('profile = "B2"', 'profile = "mine.toml"')
        wanted = "bridge[1].profile: mine.toml: nam: unknown key; did you mean name?"
        assert complaint(text, tmp_path) == wanted

    def test_a_file_that_is_none(self, tmp_path: Path) -> None:
        with pytest.raises(PremisesError, match=r"none\.toml: found no such file or directory"):
            find(str(tmp_path / "none.toml"))
        (tmp_path / "raw.toml").write_bytes(b"name = \xff")
        with pytest.raises(PremisesError, match=r"raw\.toml: found no UTF-8 at octet 7, wanted"):
            find(str(tmp_path / "raw.toml"))


#: What may stand where a value was.
JUNK = [
    '"\\u001b[2J"',
    '"a\\nb"',
    '["a\\u0007"]',
    "",
    "0",
    "-1",
    "1e400",
    "nan",
    '""',
    '"home"',
    '"near"',
    "[]",
    '["near", "near"]',
    "{}",
]


@given(st.data())
def test_whatever_is_wrong_is_one_line_or_a_home(data: st.DataObject) -> None:
    lines = C6.splitlines()
    for at in data.draw(st.lists(st.integers(4, len(lines) - 1), min_size=1, max_size=4)):
        key = lines[at].split("=")[0]
        kind = data.draw(st.sampled_from(["junk", "drop", "again"]))
        lines[at] = {"junk": f"{key}= {data.draw(st.sampled_from(JUNK))}", "drop": ""}.get(
            kind, lines[data.draw(st.integers(4, len(lines) - 1))]
        )
    try:
        home = parse("\n".join(lines), "mine.toml")
    except PremisesError as error:
        said = str(error)
    else:
        said = f"mine.toml: {[home.parent(one) for one in home.names]}"
    assert re.fullmatch(r"mine\.toml: [^\n]+", said)


def keys_that_are_read(monkeypatch: pytest.MonkeyPatch, text: str) -> list[str]:
    """Return each dotted key that the loader asks a document for, in its order."""
    asked: list[str] = []
    take = Table._take

    def noted(table: Table, key: str, usual: object, what: str) -> object:
        asked.append(re.sub(r"\[\d+\]", "", table.name(key)))
        return take(table, key, usual, what)

    monkeypatch.setattr(Table, "_take", noted)
    parse(text, "c6.toml")
    return list(dict.fromkeys(asked))


def test_every_key_is_documented(monkeypatch: pytest.MonkeyPatch) -> None:
    text = PAGE.read_text("utf-8")
    rows = re.findall(r"^\| `([a-z0-9_.]+)` \|", text, re.MULTILINE)
    tables = {"hub", "bridge", "device", "link", "bridge.alternative"}
    read = set(keys_that_are_read(monkeypatch, C6)) - tables
    assert set(rows) == read
    assert len(rows) == len(read)


@pytest.mark.parametrize("example", re.findall(r"```toml\n(.*?)```", PAGE.read_text("utf-8"), re.S))
def test_each_example_of_the_page_is_a_home(example: str) -> None:
    assert isinstance(parse(example, "page.toml"), Premises)
