"""Chromium opens a report without a network: nothing fails, filters work, a phone can read it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.report import folder
from harness.report.compose import compose
from harness.report.model import RunReport
from harness.runner import run_suite
from harness.suite import RunOptions, Traces, built_in
from harness.verdict import Outcome
from tests.interop.browser import Browser

WIDE, PHONE = (1280, 900), (360, 740)
#: Rows of the matrix that are seen.
SEEN = "[...document.querySelectorAll('tbody tr')].filter(r => r.checkVisibility())"
NAMES = f"{SEEN}.map(r => r.querySelector('a').textContent)"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunReport, Path]:
    """Return the report of a run with failures, vectors and charts, and its folder."""
    root = tmp_path_factory.mktemp("report")
    options = RunOptions(
        profiles=built_in()[:2],
        match=("rollback::mute_image_goes_back", "OTA-C-069", "activation", "GB-007"),
        defect="D204",
        workers=2,
        out=root,
        traces=Traces.FAILED,
    )
    found = run_suite(options)
    report = compose(
        found,
        options,
        started="2026-01-01T00:00:00+00:00",
        ended="2026-01-01T00:00:09+00:00",
        command=("hanover", "run"),
    )
    folder.write(root, report)
    verdicts = report.verdicts()
    assert verdicts[Outcome.FAILED] >= 2 <= verdicts[Outcome.PASSED]
    return report, root


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("browser")) as made:
        yield made


def failed(report: RunReport) -> str:
    return next(one.case for one in report.results if one.verdict is Outcome.FAILED)


def views(report: RunReport) -> list[str]:
    """Return a page of each kind."""
    passed = next(one.case for one in report.results if one.verdict is Outcome.PASSED)
    cases = [folder.page_of(failed(report)), folder.page_of(passed)]
    return [name for name in folder.FIXED if name.endswith(".html")] + cases


def test_pages_load_only_the_folder_and_complain_of_nothing(
    run: tuple[RunReport, Path], browser: Browser
) -> None:
    report, root = run
    browser.resize(*WIDE)
    for name in views(report):
        browser.loaded()
        browser.complaints()
        browser.open(root / name)
        loaded = [url for url in browser.loaded() if not url.startswith("chrome")]
        assert len(loaded) == 3, name  # page, style, script
        assert all(url.startswith(root.resolve().as_uri() + "/") for url in loaded), name
        assert browser.complaints() == [], name


def test_what_is_not_in_the_folder_would_be_seen(tmp_path: Path, browser: Browser) -> None:
    page = tmp_path / "page.html"
    page.write_text('<script src="http://127.0.0.1:9/x.js"></script><script>x.y()</script>')
    browser.open(page)
    assert "http://127.0.0.1:9/x.js" in browser.loaded()
    assert any("x is not defined" in said for said in browser.complaints())


@pytest.mark.parametrize("size", [WIDE, PHONE, (320, 600)], ids=["wide", "phone", "small"])
def test_no_page_is_wider_than_the_screen(
    run: tuple[RunReport, Path], browser: Browser, size: tuple[int, int]
) -> None:
    report, root = run
    browser.resize(*size)
    for name in views(report):
        browser.open(root / name)
        assert browser.read("document.documentElement.scrollWidth") <= size[0], name
        smallest = "Math.min(...[...document.querySelectorAll('main *')]"
        smallest += ".filter(e => !e.closest('svg') && e.checkVisibility() && e.innerText)"
        smallest += ".map(e => parseFloat(getComputedStyle(e).fontSize)))"
        assert browser.read(smallest) >= 12, name


def test_a_page_that_is_too_wide_would_be_seen(tmp_path: Path, browser: Browser) -> None:
    page = tmp_path / "page.html"
    head = '<meta name="viewport" content="width=device-width, initial-scale=1">'
    page.write_text(f"<!DOCTYPE html>{head}<p style='width:500px;font-size:9px'>x</p>", "utf-8")
    browser.resize(*PHONE)
    browser.open(page)
    assert browser.read("document.documentElement.scrollWidth") > PHONE[0]


def cases_where(report: RunReport, verdict: Outcome) -> set[str]:
    return {one.case.partition("::")[2] for one in report.results if one.verdict is verdict}


def test_the_filters_show_what_fits_and_nothing_else(
    run: tuple[RunReport, Path], browser: Browser
) -> None:
    report, root = run
    cases = {one.case for one in report.results}
    browser.resize(*WIDE)
    browser.open(root / "matrix.html")
    assert browser.read("document.getElementById('count').textContent") == (
        f"{len(cases)} of {len(cases)} cases"
    )

    browser.type("select[name=verdict]", "failed")
    bad = cases_where(report, Outcome.FAILED)
    assert set(browser.read(NAMES)) == bad
    assert browser.read("document.getElementById('count').textContent") == (
        f"{len(bad)} of {len(cases)} cases"
    )
    browser.click("button[type=reset]")
    browser.type("select[name=family]", "activation")
    activation = {
        one.case.partition("::")[2] for one in report.results if one.family == "activation"
    }
    assert set(browser.read(NAMES)) == activation

    browser.type("input[name=requirement]", "ota-c-091")
    judging = {
        one.case.partition("::")[2]
        for one in report.results
        if one.family == "activation" and "OTA-C-091" in [each.id for each in one.requirements]
    }
    assert set(browser.read(NAMES)) == judging
    assert 0 < len(judging) < len(activation)

    browser.click("button[type=reset]")
    browser.type("input[name=text]", "IV-014")
    assert browser.read(NAMES) == ["file_is_judged_as_expected/IV-014"]
    browser.type("input[name=text]", " no such thing")
    assert browser.read(NAMES) == []

    browser.click("button[type=reset]")
    browser.type("select[name=level]", "recommended")
    levels = {str(one.level) for one in report.results}
    assert set(browser.read(f"{SEEN}.map(r => r.dataset.l)")) == {"recommended"} < levels


def test_a_link_from_page_one_opens_the_matrix_filtered(
    run: tuple[RunReport, Path], browser: Browser
) -> None:
    report, root = run
    browser.resize(*WIDE)
    browser.open(root / "index.html")
    browser.click("a[href='matrix.html?family=rollback']")
    rollback = {one.case.partition("::")[2] for one in report.results if one.family == "rollback"}
    assert set(browser.read(NAMES)) == rollback
    browser.open(root / "matrix.html", "?verdict=trouble")
    troubled = {
        one.case.partition("::")[2] for one in report.results if one.verdict is not Outcome.PASSED
    }
    assert set(browser.read(NAMES)) == troubled


def test_a_failed_case_draws_its_messages(run: tuple[RunReport, Path], browser: Browser) -> None:
    report, root = run
    browser.resize(*PHONE)
    browser.open(root / folder.page_of(failed(report)))
    assert browser.read("document.querySelectorAll('svg.sequence .arrow').length") > 10
    box = browser.read("document.querySelector('svg.sequence').getBoundingClientRect().toJSON()")
    assert box["width"] > 400  # drawn at its own size: its frame scrolls, the page does not
    assert box["height"] > 400
    assert browser.read("document.querySelectorAll('svg.offsets .asked').length") > 10
    assert browser.read("document.querySelectorAll('details.frames tbody tr').length") > 10
    assert browser.read("document.querySelector('details.frames').open") is False
    browser.click("details.frames summary")
    assert browser.read("document.querySelector('details.frames code').checkVisibility()") is True


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(
    run: tuple[RunReport, Path], browser: Browser, scheme: str
) -> None:
    _, root = run
    feature = {"name": "prefers-color-scheme", "value": scheme}
    browser.develop("Emulation.setEmulatedMedia", features=[feature])
    browser.open(root / "matrix.html")
    ground = browser.read("getComputedStyle(document.body).backgroundColor")
    colours = browser.read(
        "[...new Set([...document.querySelectorAll('body, a, .v, small, .brand span')]"
        ".map(e => getComputedStyle(e).color))]"
    )
    assert len(colours) >= 5
    assert min(contrast(colour, ground) for colour in colours) >= 4.5  # WCAG 2, 1.4.3
    assert luminance(ground) < 0.1 if scheme == "dark" else luminance(ground) > 0.9


def luminance(colour: str) -> float:
    """Return the relative luminance of ``rgb(r, g, b)``, as WCAG 2 defines it."""
    parts = [int(one) / 255 for one in colour.strip("rgb()").split(",")]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_print_shows_what_is_folded_and_leaves_out_what_is_clicked(
    run: tuple[RunReport, Path], browser: Browser
) -> None:
    _, root = run
    browser.open(root / "matrix.html")
    browser.develop("Emulation.setEmulatedMedia", media="print")
    assert browser.read("document.querySelector('nav').checkVisibility()") is False
    browser.develop("Page.printToPDF")
    assert browser.read("[...document.querySelectorAll('details')].every(d => d.open)") is True
    browser.develop("Emulation.setEmulatedMedia", media="")
