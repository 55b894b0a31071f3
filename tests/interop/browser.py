"""Drive a headless Chromium by the WebDriver standard, and hear what it loads and complains of.

chromedriver speaks HTTP and JSON; no package of anybody's is needed for that.
"""

import base64
import json
import re
import subprocess
import threading
import urllib.request
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any

#: Longest that one command of the browser may take, in seconds.
LIMIT_S = 60
_STARTED = re.compile(r"started successfully on port (\d+)")
_OPTIONS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run")
#: The element's name in the standard.
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


class Browser(AbstractContextManager["Browser"]):
    """Be one browser with one window; it ends with the test."""

    def __init__(self, folder: Path) -> None:
        """Start it; its profile is in ``folder``."""
        self._driver = subprocess.Popen(
            ["chromedriver", "--port=0"], stdout=subprocess.PIPE, text=True
        )
        self._session = ""
        try:
            self._url = f"http://127.0.0.1:{self._port()}"
            self._begin(folder)
        except BaseException:
            self.close()
            raise

    def _port(self) -> int:
        assert self._driver.stdout is not None
        said = []
        late = threading.Timer(LIMIT_S, self._driver.kill)
        late.start()
        try:
            for line in self._driver.stdout:
                said.append(line)
                if found := _STARTED.search(line):
                    return int(found[1])
        finally:
            late.cancel()
        raise RuntimeError(f"chromedriver ended: {''.join(said)}")

    def _begin(self, folder: Path) -> None:
        chrome = {"args": [*_OPTIONS, f"--user-data-dir={folder / 'profile'}"]}
        wanted = {
            "browserName": "chrome",
            "goog:chromeOptions": chrome,
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }
        given = self._ask("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self._session = f"/session/{given['sessionId']}"

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the browser, whatever happened."""
        self.close()

    def close(self) -> None:
        """End the browser and its driver."""
        try:
            if self._session:
                self._ask("DELETE", self._session)
        finally:
            self._driver.terminate()
            self._driver.communicate(timeout=LIMIT_S)

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:  # noqa: ANN401
        request = urllib.request.Request(
            self._url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=LIMIT_S) as reply:
            return json.load(reply)["value"]

    def _tell(self, path: str, **body: object) -> Any:  # noqa: ANN401 - JSON
        return self._ask("POST", self._session + path, body)

    # What a person does.

    def resize(self, width: int, height: int) -> None:
        """Give the page this many pixels, as a phone or a screen has."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.develop("Emulation.setDeviceMetricsOverride", **metrics)

    def open(self, page: Path, query: str = "") -> None:
        """Open a page and wait until it is loaded."""
        self._tell("/url", url=page.resolve().as_uri() + query)

    def type(self, selector: str, text: str) -> None:
        """Type a text into a field, or the beginning of a choice."""
        found = self._tell("/element", using="css selector", value=selector)[_ELEMENT]
        self._tell(f"/element/{found}/value", text=text)

    def click(self, selector: str) -> None:
        """Click something."""
        found = self._tell("/element", using="css selector", value=selector)[_ELEMENT]
        self._tell(f"/element/{found}/click")

    # What a person sees.

    def read(self, expression: str) -> Any:  # noqa: ANN401 - whatever it is in the page
        """Return the value of an expression in the page."""
        return self._tell("/execute/sync", script=f"return {expression};", args=[])

    def develop(self, command: str, **more: object) -> Any:  # noqa: ANN401 - JSON
        """Give a command of the developer's tools."""
        return self._tell("/goog/cdp/execute", cmd=command, params=more)

    def picture(self, file: Path) -> None:
        """Write what is seen as PNG."""
        file.write_bytes(base64.b64decode(self._ask("GET", f"{self._session}/screenshot")))

    def complaints(self) -> list[str]:
        """Return what the console said since this was asked last."""
        return [str(one["message"]) for one in self._tell("/se/log", type="browser")]

    def loaded(self) -> Sequence[str]:
        """Return what was loaded since this was asked last."""
        said = [json.loads(one["message"])["message"] for one in self._performance()]
        return [
            one["params"]["request"]["url"]
            for one in said
            if one["method"] == "Network.requestWillBeSent"
        ]

    def _performance(self) -> list[dict[str, Any]]:
        made: list[dict[str, Any]] = self._tell("/se/log", type="performance")
        return made
