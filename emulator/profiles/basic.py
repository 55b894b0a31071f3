"""Say what a bridge answers to who asks what it is: the Basic cluster."""

import json
from dataclasses import dataclass
from typing import Annotated, ClassVar

from emulator.profiles.section import Range, Section

#: Octets that the strings of the cluster hold at most (ZCL rev 8, 3.2.2.2).
LONGEST_NAME, LONGEST_DATE = 32, 16


@dataclass(frozen=True, slots=True, kw_only=True)
class BasicProfile(Section):
    """Hold the attributes of the Basic cluster that nothing else in a profile says.

    Every key may be left out. The versions of application, stack and hardware, the power source and
    the build come from the running image and from the other tables.
    """

    TABLE: ClassVar[str] = "basic"

    zcl_version: Annotated[int, Range(0, 255)] = 8
    manufacturer_name: str = "Hanover"
    model_identifier: str = ""
    date_code: str = "20260101"

    def _check(self) -> None:
        self._check_text("manufacturer_name", self.manufacturer_name, LONGEST_NAME)
        self._check_text("model_identifier", self.model_identifier, LONGEST_NAME)
        self._check_text("date_code", self.date_code, LONGEST_DATE)

    def _check_text(self, name: str, text: str, longest: int) -> None:
        if len(text) > longest or not text.isascii() or not text.isprintable():
            self._refuse(name, json.dumps(text), f"0..{longest} characters of printable ASCII")


#: What a profile has that says nothing of it.
ORDINARY = BasicProfile()
