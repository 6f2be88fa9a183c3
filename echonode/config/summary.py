"""What a node with this configuration will do, in lines for check-config."""

from __future__ import annotations

from collections.abc import Iterator

import yaml

from echonode.config.destination import DestinationSection
from echonode.config.probe import Probe
from echonode.config.schema import Config


def summary(config: Config) -> Iterator[str]:
    """One line for the store, each listener, destination, probe and the web page."""
    index = f", with the index in {config.index.shown}" if config.index.server_url else ""
    yield f"stores in {config.data_dir}{index}"
    for listener in config.listen:
        form = "TLS" if listener.tls else "plain"
        yield f"listens as {config.ae_title} on {listener.host}:{listener.port} ({form})"
    for name, peer in config.peers.items():
        rights = ", ".join(sorted(service.value for service in peer.may)) or "nothing"
        titles = ", ".join((peer.ae_title, *peer.calling_ae_titles))
        yield f"serves {name} ({titles}): {rights}"
    if config.hl7:
        listener = config.hl7.listen
        form = "TLS" if listener.tls else "plain"
        yield f"takes HL7 orders on {listener.host}:{listener.port} ({form})"
    for destination in config.destinations:
        proof = destination.commitment.value
        copies = f", anonymised by {destination.anonymise}" if destination.anonymise else ""
        yield f"delivers to {_where(config, destination)}, commitment {proof}{copies}"
    if not config.destinations:
        yield "delivers nothing: no destination is configured"
    for probe in config.probes:
        yield f"takes frames from {probe.name}: {source_of(probe)}, capture {probe.capture.mode}"
    yield from _of_the_site(config)


def _of_the_site(config: Config) -> Iterator[str]:
    if config.worklist:
        stations = ", ".join(config.worklist.station_ae_title) or "every station"
        yield f"asks {config.worklist.peer} for the worklist of {stations}"
    if config.mpps:
        yield f"reports procedure steps to {config.mpps.peer}"
    for each in config.prints:
        yield f"prints on {each.peer}"
    yield from _results(config)
    if config.alarms.webhook:
        yield f"posts its alarms to {config.alarms.webhook.url}"
    if mail := config.alarms.email:
        yield f"mails its alarms to {', '.join(mail.to)} by {mail.host}:{mail.port}"
    if config.audit.receiver:
        way = config.audit.transport.upper()
        yield f"sends its audit trail to {config.audit.receiver} by {way}"
    if config.web:
        scheme = "https" if config.web.tls else "http"
        yield f"shows its status at {scheme}://{config.web.host}:{config.web.port}/"


def _where(config: Config, destination: DestinationSection) -> str:
    if destination.peer is None:
        return f"{destination.target} (DICOMweb at {destination.dicomweb})"
    peer = config.peers[destination.peer]
    return f"{destination.peer} ({peer.ae_title} at {peer.host}:{peer.port})"


def source_of(probe: Probe) -> str:
    """A probe's protocol, and where its frames come from."""
    kind = " ".join(part for part in (probe.protocol, probe.dialect) if part)
    if probe.path is not None:
        return f"{kind} {probe.path}"
    if probe.connect is not None:
        return f"{kind} at {probe.connect}"
    return f"{kind}, listening at {probe.listen}"


def as_yaml(config: Config) -> str:
    """The configuration in force: the file, the environment and every default."""
    values = config.model_dump(mode="json", by_alias=True)
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)


def _results(config: Config) -> Iterator[str]:
    if receiver := config.report.results:
        yield f"sends reports as HL7 results to {receiver.host}:{receiver.port}"
