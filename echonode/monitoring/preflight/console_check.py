"""The console behind a proxy on this machine: whether the callers of the proxy must log in.

The listening address decides who must (docs/access.md), so a node that listens on loopback and has
no user is open to every caller of a proxy. The names that the configuration gives show that there
is one.
"""

from __future__ import annotations

from echonode.config import Config
from echonode.config.doubts import PASSED_ON, REMEDY_OF_PASSED_ON, is_passed_on
from echonode.monitoring.preflight.outcome import PeerOutcome, Step

NAME = "web"


def check_console(config: Config, *, has_users: bool) -> PeerOutcome | None:
    """What can be said of the users; None where nothing shows a proxy."""
    web = config.web
    if web is None or not is_passed_on(config):
        return None
    step = Step(name="users", ok=True, detail="the callers of a proxy must log in")
    if not has_users:
        step = Step(name="users", ok=False, detail=PASSED_ON, remedy=REMEDY_OF_PASSED_ON)
    return PeerOutcome(
        peer=NAME,
        ae_title=NAME,
        address=f"{web.host}:{web.port}",
        purpose=f"the console, as {', '.join(web.names)}",
        steps=(step,),
    )
