"""Fail a test of this folder that ends without a verdict.

Our plugin shows what has none as skipped, as a maker's project wants it; a test of ours that a
silent device has stopped has shown nothing.
"""

from collections.abc import Generator

import pytest


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip into a failure, with its reason."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail"):
        report.outcome, report.longrepr = "failed", f"found no verdict: {report.longrepr}"
    return report
