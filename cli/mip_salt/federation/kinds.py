"""The kinds of values that a federation's files hold."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, StrictStr

# What useradd of Debian allows; never an option, never a shell's word.
USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}\Z")


class Strict(BaseModel):
    """No field but those named here."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def matching(pattern: re.Pattern[str], rule: str) -> AfterValidator:
    """Return the validator that takes what a pattern matches, and answers all else with the rule."""

    def check(text: str) -> str:
        if not pattern.match(text):
            raise ValueError(rule)
        return text

    return AfterValidator(check)


User = Annotated[StrictStr, matching(USER, "a user's name is a-z, 0-9, _ and -, not starting with a digit or -")]
Group = Annotated[StrictStr, matching(USER, "a group's name is a-z, 0-9, _ and -, not starting with a digit or -")]
