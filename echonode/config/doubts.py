"""What works and deserves a second look: check-config prints it, and the log has it at each start.

Rules
- A doubt stops nothing. It names who could do what because of the setting, and what closes it.
- An AE title is a label that every caller can give itself. Only an address or a certificate binds a
  peer to it (PS3.15 B.12 for the certificate).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from echonode.config.addresses import is_loopback
from echonode.config.certificates import tls_doubts
from echonode.config.folder import folder_doubts
from echonode.config.overrides import ignored_variables
from echonode.config.probe import Probe
from echonode.config.schema import Config
from echonode.config.web_destinations import web_destination_doubts
from echonode.errors import ConfigFault
from echonode.frames.streams.protocol_table import find_protocol
from echonode.frames.streams.protocols import Wire
from echonode.web.viewer.package import folders, installed_in


def doubts(
    config: Config, environ: Mapping[str, str], now: datetime, *, has_users: bool = False
) -> Iterator[ConfigFault]:
    """Every doubt about a configuration without faults, in the file's order. now: aware.

    has_users: whether the store has a user who may log in.
    """
    yield from folder_doubts(config)
    yield from _unbound_peers(config)
    yield from tls_doubts(config, now)
    yield from web_destination_doubts(config)
    yield from _probe_listeners(config)
    yield from _viewer(config)
    yield from _ris(config)
    yield from _open_web(config)
    if is_passed_on(config) and not has_users:
        yield _doubt("web.names", PASSED_ON, REMEDY_OF_PASSED_ON)
    yield from _only_anonymised(config)
    yield from _core_dumps(config)
    yield from ignored_variables(list(Config.model_fields), environ)


def _doubt(path: str, problem: str, remedy: str) -> ConfigFault:
    return ConfigFault(path=path, problem=problem, remedy=remedy)


def _unbound_peers(config: Config) -> Iterator[ConfigFault]:
    """Peers that a plain listener serves to every host that gives itself their AE title."""
    unbound = [
        name
        for name, peer in config.peers.items()
        if peer.may and not peer.addresses and not peer.certificate
    ]
    for index, listener in enumerate(config.listen):
        if listener.tls is None and unbound and not is_loopback(listener.host):
            yield _doubt(
                f"listen[{index}].host",
                f"every host that reaches port {listener.port} and gives itself the AE title of "
                f"{', '.join(unbound)} is served as that peer",
                "Give each its `addresses`, or let it call by TLS with its `certificate`.",
            )


def _probe_listeners(config: Config) -> Iterator[ConfigFault]:
    for index, probe in enumerate(config.probes):
        proves = probe.tls is not None and probe.tls.require_client_cert
        if probe.listen is None or probe.addresses or proves or _is_commanded(probe):
            continue
        host = probe.listen.rpartition(":")[0].strip("[]")
        if not is_loopback(host):
            yield _doubt(
                f"probes[{index}].listen",
                "every host that reaches it can send images as this probe",
                "Give `addresses` that senders may come from, or `tls`.",
            )


def _is_commanded(probe: Probe) -> bool:
    """Whether `listen` is for the datagrams of a probe that this node itself connects to."""
    protocol = find_protocol(probe.protocol, probe.dialect or "")
    return protocol is not None and protocol.wire is Wire.COMMANDS


def _viewer(config: Config) -> Iterator[ConfigFault]:
    """A port for a viewer that is not there; its page says so too."""
    web = config.web
    if web is None or web.viewer_port is None:
        return
    if installed_in(folders(web.viewer_dir, config.data_dir)) is None:
        yield _doubt(
            "web.viewer_port",
            "the viewer that it is for is not installed",
            "Run `echonode viewer install`, or remove the port.",
        )


def _ris(config: Config) -> Iterator[ConfigFault]:
    """What is asked of a RIS and told to it, and fits badly together."""
    worklist = config.worklist
    if worklist is not None and not worklist.station_ae_title:
        yield _doubt(
            "worklist.station_ae_title",
            "the items of every station are fetched",
            "Give the AE titles that the RIS schedules for this node.",
        )
    if config.mpps is not None and worklist is None:
        yield _doubt(
            "mpps",
            "without a worklist every step is reported as unscheduled",
            "Give `worklist`, so that the RIS can tell which order was performed.",
        )


def _open_web(config: Config) -> Iterator[ConfigFault]:
    web = config.web
    if web is not None and web.tls is None and not is_loopback(web.host):
        yield _doubt(
            "web.host",
            f"{web.host} is reached from beyond this machine without TLS: passwords and patients' "
            "data cross the network readable, and browsers give the page no camera",
            "Run `echonode web-certificate --host NAME` and give `web.tls`, or use 127.0.0.1 "
            "behind a reverse proxy with TLS.",
        )


PASSED_ON = (
    "other machines reach the web server by these names, through a proxy on this one: while there "
    "is no user, every caller of the proxy counts as this machine, and may do everything"
)
REMEDY_OF_PASSED_ON = (
    "Add the first user: `echonode user add NAME --role administrator`; or let the proxy ask for a "
    "log-in."
)


def is_passed_on(config: Config) -> bool:
    """Whether `names` show that a proxy on this machine passes callers on to a loopback address."""
    web = config.web
    return web is not None and bool(web.names) and is_loopback(web.host)


def _only_anonymised(config: Config) -> Iterator[ConfigFault]:
    """Retention deletes nothing of which no archive keeps the original."""
    if config.destinations and all(each.anonymise for each in config.destinations):
        yield _doubt(
            "destinations",
            "every destination gets anonymised copies: the originals stay here and fill the disk",
            "Add a destination that keeps the originals.",
        )


def _core_dumps(config: Config) -> Iterator[ConfigFault]:
    if config.process.core_dumps:
        yield _doubt(
            "process.core_dumps",
            "a core dump of this process holds pixels and patients' names",
            "Remove it once the fault that it is for is found.",
        )
