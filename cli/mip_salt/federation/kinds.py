"""The kinds of values that a federation's files hold."""

from __future__ import annotations

import os
import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, StrictStr

# What useradd of Debian allows; never an option, never a shell's word.
USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}\Z")


# Else pydantic reads what every package here says of itself, to look for plugins of its own.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")


class Strict(BaseModel):
    """No field but those named here.

    Its validator is built when something is first validated: one is within another's, and few are used for themselves.
    So a default is given by ``model_construct``, which validates nothing.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


def matching(pattern: re.Pattern[str], rule: str) -> AfterValidator:
    """Return the validator that takes what a pattern matches, and answers all else with the rule."""

    def check(text: str) -> str:
        if not pattern.match(text):
            raise ValueError(rule)
        return text

    return AfterValidator(check)


User = Annotated[StrictStr, matching(USER, "a user's name is a-z, 0-9, _ and -, not starting with a digit or -")]
Group = Annotated[StrictStr, matching(USER, "a group's name is a-z, 0-9, _ and -, not starting with a digit or -")]
