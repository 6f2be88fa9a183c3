"""What must agree between the values of a configuration. Each check returns its faults."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec

from echonode.config.addresses import is_loopback
from echonode.config.certificates import tls_faults
from echonode.config.encryption import SQLCIPHER, extra_missing
from echonode.config.forwarding import WEB_SENDER
from echonode.config.probe_checks import probe_faults
from echonode.config.report_templates import read_folder
from echonode.config.schema import Config
from echonode.config.web_destinations import web_destination_faults
from echonode.errors import ConfigFault
from echonode.model.identity import CommitmentPolicy, ReportRoute, Service

# What shows a peer the originals, or whose they are.
_FETCHES = frozenset({Service.FIND, Service.MOVE, Service.GET, Service.WORKLIST})


def cross_faults(config: Config) -> list[ConfigFault]:
    """Every disagreement, in the file's order."""
    checks: Sequence[Callable[[Config], Iterator[ConfigFault]]] = (
        _listeners,
        _ports_twice,
        _peers,
        _references,
        _prints,
        _anonymise,
        _report_templates,
        _worklist,
        _destinations,
        _forwarding,
        _probes,
        _hl7,
        tls_faults,
        _data_dir,
        _index,
        _encryption,
    )
    return [fault for check in checks for fault in check(config)]


def _fault(path: str, problem: str, remedy: str) -> ConfigFault:
    return ConfigFault(path=path, problem=problem, remedy=remedy)


def _repeated(values: Sequence[str]) -> Iterator[tuple[int, str]]:
    """(index, value) of every later occurrence of a value."""
    seen: Counter[str] = Counter()
    for index, value in enumerate(values):
        if seen[value]:
            yield index, value
        seen[value] += 1


def _listeners(config: Config) -> Iterator[ConfigFault]:
    if not config.listen:
        yield _fault("listen", "no listener", "Give at least one {host, port}.")
    if config.peers:
        return
    for index, listener in enumerate(config.listen):
        if listener.tls is None and not is_loopback(listener.host):
            yield _fault(
                f"listen[{index}].host",
                f"listens beyond this machine ({listener.host}) but no peers are configured",
                "List the AEs to serve under `peers`, or listen on 127.0.0.1.",
            )


def _ports_twice(config: Config) -> Iterator[ConfigFault]:
    """Two sockets of ours on one address cannot both be bound."""
    taken = [
        (f"listen[{index}].port", listener.host, listener.port)
        for index, listener in enumerate(config.listen)
    ]
    if config.web:
        taken.append(("web.port", config.web.host, config.web.port))
        if config.web.viewer_port is not None:
            taken.append(("web.viewer_port", config.web.host, config.web.viewer_port))
    if config.hl7:
        taken.append(("hl7.listen.port", config.hl7.listen.host, config.hl7.listen.port))
    wildcard = ("0.0.0.0", "::")
    for index, (path, host, port) in enumerate(taken):
        for earlier, other_host, other_port in taken[:index]:
            meets = host == other_host or host in wildcard or other_host in wildcard
            if port == other_port and meets:
                yield _fault(path, f"port {port} is taken by {earlier}", "Choose another port.")


def _peers(config: Config) -> Iterator[ConfigFault]:
    titles = [
        (path, title)
        for name, peer in config.peers.items()
        for path, title in (
            (f"peers.{name}.ae_title", peer.ae_title),
            *(
                (f"peers.{name}.calling_ae_titles[{number}]", title)
                for number, title in enumerate(peer.calling_ae_titles)
            ),
        )
    ]
    for index, title in _repeated([title for _, title in titles]):
        yield _fault(
            titles[index][0],
            f"the AE title {title} belongs to a peer already",
            "Give each peer its own AE title; rights go by it.",
        )
    for path, title in titles:
        if title == config.ae_title:
            yield _fault(
                path,
                f"{title} is this node's own AE title",
                "A peer has an AE title of its own.",
            )
    for name, peer in config.peers.items():
        is_told_where_it_asked = peer.report_on is ReportRoute.SAME_ASSOCIATION
        if is_told_where_it_asked and Service.COMMIT not in peer.may:
            yield _fault(
                f"peers.{name}.report_on",
                "is about storage commitment, which this peer may not ask for",
                f"Add `commit` to peers.{name}.may, or remove `report_on`.",
            )
        if peer.relational and Service.FIND not in peer.may:
            yield _fault(
                f"peers.{name}.relational",
                "is about queries, which this peer may not make",
                f"Add `find` to peers.{name}.may, or remove `relational`.",
            )


def _references(config: Config) -> Iterator[ConfigFault]:
    """Every name of a peer is one."""
    named = [
        (f"destinations[{i}].peer", d.peer) for i, d in enumerate(config.destinations) if d.peer
    ]
    if config.worklist:
        named.append(("worklist.peer", config.worklist.peer))
    if config.mpps:
        named.append(("mpps.peer", config.mpps.peer))
    named += [(f"prints[{index}].peer", each.peer) for index, each in enumerate(config.prints)]
    for path, name in named:
        if name not in config.peers:
            known = ", ".join(config.peers) or "none"
            yield _fault(path, f"there is no peer `{name}`", f"Configured peers: {known}.")


def _prints(config: Config) -> Iterator[ConfigFault]:
    for index, name in _repeated([each.peer for each in config.prints]):
        yield _fault(f"prints[{index}].peer", f"`{name}` is a printer already", "Remove one.")


def _anonymise(config: Config) -> Iterator[ConfigFault]:
    """Every name of a profile is one; who gets anonymised copies cannot fetch the originals."""
    known = ["basic", *config.anonymise]
    profiles = [("research.anonymise", config.research.anonymise)]
    profiles += [
        (f"destinations[{index}].anonymise", each.anonymise)
        for index, each in enumerate(config.destinations)
    ]
    for path, name in profiles:
        if name is not None and name not in known:
            yield _fault(path, f"there is no profile `{name}`", f"Known: {', '.join(known)}.")
    for index, destination in enumerate(config.destinations):
        peer = config.peers.get(destination.peer or "")
        if destination.anonymise is None or peer is None:
            continue
        if fetches := sorted(_FETCHES & set(peer.may)):
            words = ", ".join(fetches)
            yield _fault(
                f"destinations[{index}].anonymise",
                f"peer `{destination.peer}` may {words} here, and so see who the patients are",
                f"Take {words} from peers.{destination.peer}.may.",
            )
        named = [config.mpps.peer if config.mpps else "", *(each.peer for each in config.prints)]
        if destination.peer in named:
            yield _fault(
                f"destinations[{index}].anonymise",
                f"peer `{destination.peer}` gets patients by `mpps` or `prints` as well",
                "Give the destination a peer of its own.",
            )


def _report_templates(config: Config) -> Iterator[ConfigFault]:
    if config.report.templates is not None:
        yield from read_folder(config.report.templates)[1]


def _worklist(config: Config) -> Iterator[ConfigFault]:
    titles = config.worklist.station_ae_title if config.worklist else ()
    for index, title in _repeated(titles):
        yield _fault(
            f"worklist.station_ae_title[{index}]",
            f"the AE title {title} is there already",
            "Name each once.",
        )


def _destinations(config: Config) -> Iterator[ConfigFault]:
    for index, name in _repeated([d.target for d in config.destinations]):
        key = "peer" if config.destinations[index].peer else "name"
        yield _fault(
            f"destinations[{index}].{key}", f"`{name}` is a destination already", "Remove one."
        )
    for index, destination in enumerate(config.destinations):
        yield from web_destination_faults(f"destinations[{index}]", destination, config)
        peer = config.peers.get(destination.peer or "")
        required = destination.commitment is CommitmentPolicy.REQUIRED
        if peer and required and Service.COMMIT not in peer.may:
            yield _fault(
                f"destinations[{index}].commitment",
                f"`required`, but peer `{destination.peer}` may not call back with its report",
                f"Add `commit` to peers.{destination.peer}.may.",
            )


def _probes(config: Config) -> Iterator[ConfigFault]:
    for index, name in _repeated([probe.name for probe in config.probes]):
        yield _fault(
            f"probes[{index}].name", f"another probe is called `{name}`", "Name each probe once."
        )
    for index, probe in enumerate(config.probes):
        yield from probe_faults(f"probes[{index}]", probe, has_web=config.web is not None)


def _hl7(config: Config) -> Iterator[ConfigFault]:
    """Orders decide whose images are whose, so not every host may send them."""
    if config.hl7 is None:
        return
    listener = config.hl7.listen
    proves = listener.tls is not None and listener.tls.require_client_cert
    if not is_loopback(listener.host) and not config.hl7.addresses and not proves:
        yield _fault(
            "hl7.listen.host",
            f"listens beyond this machine ({listener.host}) to every host",
            "Give `hl7.addresses` that senders may come from, or `tls` with client certificates.",
        )


def _data_dir(config: Config) -> Iterator[ConfigFault]:
    if config.data_dir.exists() and not config.data_dir.is_dir():
        yield _fault("data_dir", f"{config.data_dir} is not a folder", "Give a folder of its own.")


def _index(config: Config) -> Iterator[ConfigFault]:
    """A server that is used; and no index that would be left behind, with what it promised."""
    if config.index.server_url and (config.data_dir / "index.sqlite").exists():
        yield _fault(
            "index.url",
            f"names a server, and {config.data_dir} holds an index (index.sqlite) of its own",
            "Move that index to the server first (`echonode move-store`), or give a new data_dir.",
        )
    if bool(config.index.server_url) != bool(config.node.name):
        yield _fault(
            "node.name",
            "belongs together with an `index.url` that names a server, and one of them is missing",
            "Give each node of the server a name of its own; a node with SQLite has none.",
        )
    if config.index.server_url and find_spec("psycopg") is None:
        yield _fault(
            "index.url",
            "needs the library psycopg, which is not installed",
            "Install it: pip install 'echonode[cluster]'.",
        )


def _encryption(config: Config) -> Iterator[ConfigFault]:
    """What this node does not encrypt is not promised; and the keys are there."""
    section = config.encryption
    if section.key is None:
        if section.earlier_keys:
            yield _fault(
                "encryption.earlier_keys",
                "opens files of an encrypted store, and `encryption.key` is missing",
                "Give `encryption.key`; a store is not decrypted by leaving it out.",
            )
        return
    if config.index.server_url:
        yield _fault(
            "encryption.key",
            "does not encrypt an index on a PostgreSQL server",
            "Encrypt the disk of that server, and leave `encryption` out.",
        )
    if config.objects_at() is not None:
        yield _fault(
            "encryption.key",
            "does not encrypt instances in object storage",
            "Let the object storage encrypt (SSE-S3, SSE-KMS), and leave `encryption` out.",
        )
    if find_spec(SQLCIPHER) is None:
        yield extra_missing()


def _forwarding(config: Config) -> Iterator[ConfigFault]:
    """Rules that name no peer, never apply, or send an instance in a circle."""
    destinations = [destination.target for destination in config.destinations]
    for index, rule in enumerate(config.forwarding):
        path = f"forwarding[{index}]"
        peer = config.peers.get(rule.from_peer)
        is_web = rule.from_peer == WEB_SENDER and config.web is not None
        if peer is None and not is_web:
            known = ", ".join(config.peers) or "none"
            yield ConfigFault(
                path=f"{path}.from",
                problem=f"there is no peer `{rule.from_peer}`",
                remedy=f"Configured peers: {known}.",
            )
        elif peer is not None and Service.STORE not in peer.may:
            yield ConfigFault(
                path=f"{path}.from",
                problem=f"peer `{rule.from_peer}` may not store here",
                remedy=f"Add `store` to peers.{rule.from_peer}.may.",
            )
        for name in rule.to:
            if name not in destinations:
                yield ConfigFault(
                    path=f"{path}.to",
                    problem=f"`{name}` is no destination",
                    remedy="Name the `peer` or `name` of an entry of `destinations`.",
                )
            elif name == rule.from_peer:
                yield ConfigFault(
                    path=f"{path}.to",
                    problem=f"`{name}` would get back what it sent",
                    remedy="Forward to another destination.",
                )
