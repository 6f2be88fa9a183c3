"""What must agree between the values of a configuration. Each check returns its faults."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from echonode.config.schema import TLS, Config, Probe
from echonode.errors import ConfigFault
from echonode.model.identity import CommitmentPolicy, Service

# Dialects this version speaks; the others of the schema are refused before the node starts.
_SPOKEN = {("echopen", "kit")}


def cross_faults(config: Config) -> list[ConfigFault]:
    """Every disagreement, in the file's order."""
    checks: Sequence[Callable[[Config], Iterator[ConfigFault]]] = (
        _listeners,
        _ports_twice,
        _peers,
        _references,
        _destinations,
        _probes,
        _tls_files,
        _data_dir,
    )
    return [fault for check in checks for fault in check(config)]


def _fault(path: str, problem: str, remedy: str) -> ConfigFault:
    return ConfigFault(path=path, problem=problem, remedy=remedy)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


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
        if listener.tls is None and not _is_loopback(listener.host):
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
        taken.append(("web.viewer_port", config.web.host, config.web.viewer_port))
    wildcard = ("0.0.0.0", "::")
    for index, (path, host, port) in enumerate(taken):
        for earlier, other_host, other_port in taken[:index]:
            meets = host == other_host or host in wildcard or other_host in wildcard
            if port == other_port and meets:
                yield _fault(path, f"port {port} is taken by {earlier}", "Choose another port.")


def _peers(config: Config) -> Iterator[ConfigFault]:
    names = list(config.peers)
    for index, title in _repeated([peer.ae_title for peer in config.peers.values()]):
        yield _fault(
            f"peers.{names[index]}.ae_title",
            f"the AE title {title} belongs to another peer already",
            "Give each peer its own AE title; rights go by it.",
        )
    for name, peer in config.peers.items():
        if peer.ae_title == config.ae_title:
            yield _fault(
                f"peers.{name}.ae_title",
                f"{peer.ae_title} is this node's own AE title",
                "A peer has an AE title of its own.",
            )


def _references(config: Config) -> Iterator[ConfigFault]:
    """Every name of a peer is one."""
    named = [(f"destinations[{i}].peer", d.peer) for i, d in enumerate(config.destinations)]
    if config.worklist:
        named.append(("worklist.peer", config.worklist.peer))
    if config.mpps:
        named.append(("mpps.peer", config.mpps.peer))
    for path, name in named:
        if name not in config.peers:
            known = ", ".join(config.peers) or "none"
            yield _fault(path, f"there is no peer `{name}`", f"Configured peers: {known}.")


def _destinations(config: Config) -> Iterator[ConfigFault]:
    for index, name in _repeated([d.peer for d in config.destinations]):
        yield _fault(
            f"destinations[{index}].peer", f"`{name}` is a destination already", "Remove one."
        )
    for index, destination in enumerate(config.destinations):
        peer = config.peers.get(destination.peer)
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
        yield from _probe(f"probes[{index}]", probe)


def _probe(path: str, probe: Probe) -> Iterator[ConfigFault]:
    if probe.protocol == "echopen" and probe.dialect is None:
        yield _fault(
            f"{path}.dialect",
            "is missing; echOpen generations cannot be told apart on the wire",
            "Use sweeping, kit, lounger or epf.",
        )
        return
    if probe.protocol != "echopen" and probe.dialect is not None:
        yield _fault(f"{path}.dialect", f"`{probe.protocol}` has no dialects", "Remove it.")
        return
    if (probe.protocol, probe.dialect) not in _SPOKEN:
        spoken = ", ".join(f"{p} {d}" for p, d in sorted(_SPOKEN))
        yield _fault(
            f"{path}.protocol",
            f"{probe.protocol} {probe.dialect or ''}".strip() + " is not spoken by this version",
            f"Use {spoken}.",
        )
        return
    if probe.connect is None:
        yield _fault(
            f"{path}.connect",
            "is missing; an echOpen probe listens and this node connects to it",
            "Give its HOST:PORT, usually port 7538.",
        )


def _tls_files(config: Config) -> Iterator[ConfigFault]:
    holders: list[tuple[str, TLS | None]] = [
        (f"listen[{i}].tls", listener.tls) for i, listener in enumerate(config.listen)
    ]
    holders += [(f"peers.{name}.tls", peer.tls) for name, peer in config.peers.items()]
    for path, tls in holders:
        if tls is None:
            continue
        for key in ("cert", "key", "ca"):
            yield from _readable(f"{path}.{key}", getattr(tls, key))
        if tls.key.is_file() and tls.key.stat().st_mode & 0o077:
            yield _fault(f"{path}.key", "can be read by other users", f"Run: chmod 600 {tls.key}")


def _readable(path: str, file: Path) -> Iterator[ConfigFault]:
    try:
        with file.open("rb"):
            return
    except OSError as error:
        yield _fault(path, f"{file} cannot be read: {error.strerror}", "Give an existing PEM file.")


def _data_dir(config: Config) -> Iterator[ConfigFault]:
    if config.data_dir.exists() and not config.data_dir.is_dir():
        yield _fault("data_dir", f"{config.data_dir} is not a folder", "Give a folder of its own.")
