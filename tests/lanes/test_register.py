"""What is known of devices outlives a stick that is lost, and a program that is killed."""

from pathlib import Path

import pytest

from emulator.errors import LinkError
from harness.coordinator.register import VERSIONS, Register

ONE, OTHER = 0x00124B0044555441, 0x00124B0044555442


def test_no_version_is_offered_twice() -> None:
    register = Register(None)
    first = register.following(ONE, 7)
    assert first == 8
    assert register.following(ONE, 7) == first + VERSIONS
    assert register.following(ONE, 1000) == 1001
    assert register.following(OTHER, 7) == 8


def test_what_was_offered_is_in_the_folder_before_it_is_offered(tmp_path: Path) -> None:
    folder = tmp_path / "net"
    register = Register(folder)
    register.came(ONE, 0x1234)
    first = register.following(ONE, 7)
    again = Register(folder)  # nobody closed the first one
    assert again.members == {ONE: 0x1234}
    assert again.following(ONE, 7) == first + VERSIONS
    assert [each.name for each in folder.iterdir()] == ["members.json"]


def test_who_is_back_is_not_gone() -> None:
    register = Register(None)
    register.gone.add(ONE)
    register.came(ONE, 1)
    assert not register.gone


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"00124b0044555441": 4660}',
        '{"00124b0044555441": {"address": 4660}}',
        '{"me": {"address": 4660, "offered": 1}}',
        '{"00124b0044555441": {"address": "here", "offered": 1}}',
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "members.json"
    file.write_text(text, "utf-8")
    with pytest.raises(LinkError, match=r"members\.json: found .*, wanted .*remove the file"):
        Register(tmp_path)
