"""How many examples Hypothesis tries: profiles `full` (make test), `ci` and `quick` (make unit).

No profile has a deadline: a busy machine is no defect. `ci` derives the examples from the test
itself, so that a change is not refused for an example that the change has nothing to do with.
"""

from __future__ import annotations

import os
from typing import Final

from hypothesis import settings

QUICK_SHARE: Final = 5  # `quick` tries one example in five


def register_profiles() -> None:
    """Register all profiles and load the one that CI=true or ECHONODE_EXAMPLES chooses."""
    settings.register_profile("full", deadline=None)
    settings.register_profile("ci", deadline=None, derandomize=True)
    settings.register_profile("quick", deadline=None)
    chosen = "ci" if os.environ.get("CI") == "true" else "full"
    settings.load_profile(os.environ.get("ECHONODE_EXAMPLES", chosen))


def examples(full: int) -> int:
    """max_examples of a test that tries `full` of them in `make test`."""
    if settings.get_current_profile_name() == "quick":
        return max(1, full // QUICK_SHARE)
    return full
