"""The `alarms` section as what sends notices."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from echonode.config import Config
from echonode.config.network import PeerTLS
from echonode.dimse.upper_layer.tls_context import FollowedContext, client_context
from echonode.monitoring.notices.mail import MailSender
from echonode.monitoring.notices.notifier import Notifier, Way
from echonode.monitoring.notices.webhook import WebhookSender


def notifier(config: Config, *, now: Callable[[], datetime]) -> Notifier:
    """Every way that is configured; none is well, too."""
    section, ways = config.alarms, list[Way]()
    if section.webhook is not None:
        tls = _context(section.webhook.tls)
        ways.append(WebhookSender(section.webhook, node=config.ae_title, tls=tls))
    if section.email is not None:
        tls = _context(section.email.tls)
        ways.append(MailSender(section.email, node=config.ae_title, tls=tls))
    return Notifier(
        ways,
        repeat=timedelta(hours=section.repeat_hours),
        quiet=timedelta(minutes=section.quiet_minutes),
        now=now,
        monotonic=time.monotonic,
    )


def _context(tls: PeerTLS | None) -> Callable[[], ssl.SSLContext]:
    """The authorities of a section, or those of this system."""
    if tls is None:
        return ssl.create_default_context
    return FollowedContext(tls.value(), partial(client_context, check_name=True)).current
