"""Chromium opens the page of a home alone: it loads nothing, fits a phone, reads without colour."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.cli.main import run_command
from tests.interop.browser import Browser

WIDE, PHONE, SMALL = (1280, 900), (360, 740), (320, 600)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the page of a home in which something went wrong."""
    out = tmp_path_factory.mktemp("home")
    words = ("--speaks", "near=2..2", "--order", "near,remote_ihd,remote_gsme", "--anyway")
    fault = ("--fault", "near:reboots=20")
    assert run_command(["premises", "C7", "--out", str(out), "--json", *words, *fault]) == 1
    return out / "premises.html"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("browser")) as made:
        yield made


def test_page_loads_only_itself_and_complains_of_nothing(page: Path, browser: Browser) -> None:
    browser.resize(*WIDE)
    browser.loaded()
    browser.complaints()
    browser.open(page)
    loaded = [url for url in browser.loaded() if not url.startswith("chrome")]
    assert loaded == [page.resolve().as_uri()]
    assert browser.complaints() == []


@pytest.mark.parametrize("size", [WIDE, PHONE, SMALL], ids=["wide", "phone", "small"])
def test_page_is_not_wider_than_the_screen(
    page: Path, browser: Browser, size: tuple[int, int]
) -> None:
    browser.resize(*size)
    browser.open(page)
    assert browser.read("document.documentElement.scrollWidth") <= size[0]
    box = "document.querySelector('svg.stretches').getBoundingClientRect()"
    assert browser.read(f"{box}.width") > 400  # drawn at its own size: its frame scrolls
    frame = "document.querySelector('.home .chart').getBoundingClientRect()"
    assert browser.read(f"{frame}.width") >= size[0] / 3
    assert browser.read(f"{frame}.right") <= size[0]


def test_names_stand_beside_their_lanes(page: Path, browser: Browser) -> None:
    browser.resize(*PHONE)
    browser.open(page)
    names = browser.read(
        "[...document.querySelectorAll('.names b')].map(b => [b.textContent,"
        " b.getBoundingClientRect().top])"
    )
    bars = browser.read(
        "[...document.querySelectorAll('.row')].map(g => [g.querySelector('title').textContent,"
        " g.querySelector('rect').getBoundingClientRect().top,"
        " g.querySelector('rect').getBoundingClientRect().height])"
    )
    assert [one[0] for one in names] == ["near", "remote_ihd", "remote_gsme", "display", "meter"]
    for (name, top), (title, bar, high) in zip(names, bars, strict=True):
        assert title.startswith(f"{name}: ")
        assert abs(top - bar) < high


def test_every_pattern_is_drawn(page: Path, browser: Browser) -> None:
    browser.resize(*WIDE)
    browser.open(page)
    used = (
        "[...new Set([...document.querySelectorAll('rect.bar')].map(r => r.getAttribute('fill')))]"
    )
    fills = browser.read(used)
    assert {"url(#up)", "url(#trial)", "url(#dark)", "url(#off)", "url(#downloading)"} <= {*fills}
    for fill in fills:
        name = fill[5:-1]
        found = f"document.getElementById('{name}')"
        assert browser.read(f"{found}.tagName") == "pattern"
        assert browser.read(f"getComputedStyle({found}.querySelector('rect')).fill") != "none"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_up_and_dark_differ_in_lightness_in_both_schemes(
    page: Path, browser: Browser, scheme: str
) -> None:
    feature = {"name": "prefers-color-scheme", "value": scheme}
    browser.develop("Emulation.setEmulatedMedia", features=[feature])
    browser.open(page)
    grounds = [
        browser.read(f"getComputedStyle(document.querySelector('#{one} .ground')).fill")
        for one in ("up", "dark")
    ]
    light = [sum(int(part) for part in one.strip("rgb()").split(",")) for one in grounds]
    assert abs(light[0] - light[1]) > 300  # of 765
    ground = browser.read("getComputedStyle(document.body).backgroundColor")
    dark = sum(int(part) for part in ground.strip("rgb()").split(",")) < 200
    assert dark is (scheme == "dark")


def test_table_of_stretches_opens(page: Path, browser: Browser) -> None:
    browser.resize(*PHONE)
    browser.open(page)
    cell = "document.querySelector('details.frames td').checkVisibility()"
    assert browser.read(cell) is False
    browser.click("details.frames summary")
    assert browser.read(cell) is True
    assert browser.read("document.documentElement.scrollWidth") <= PHONE[0]
