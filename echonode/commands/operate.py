"""`echonode hold`, `release` and `retry`, on one instance or on many; `acknowledge` on a study.

Rules
- The store is one process's at a time. Where a node runs, it has the lock and is asked over HTTP;
  where none runs, the command opens the store (which repairs it, as a start does).
- Which instances a command on many is about is read while the node runs: those that have a delivery
  in a state that the command can change (CHANGES). A million committed ones are not touched.
- What fails for one instance is that instance's failure; the others go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from echonode.audit.sources.commands import deliveries_changed
from echonode.commands.node_client import post
from echonode.commands.recording import record
from echonode.config import Config
from echonode.delivery.bulk_actions import CHANGES
from echonode.delivery.operator_actions import acknowledge, act
from echonode.errors import OperatorRefused, StoreLocked, UsageError
from echonode.model.identity import is_valid_uid
from echonode.monitoring.ledger import COLUMNS
from echonode.node.settings.stores import open_store
from echonode.store.deliveries.selection import DeliveryChoice
from echonode.store.read_only_store import open_read_only
from echonode.store.store import Store

_ANSWER_S = 60.0
# A SOP Instance UID -> what operator_hand.act answers. Raises OperatorRefused.
Act = Callable[[str], Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What the command line names: `uids`, or else what the store chooses by the other two."""

    uids: Sequence[str] = ()
    destination: str | None = None
    study_instance_uid: str | None = None


@dataclass(frozen=True, kw_only=True)
class Result:
    """What came of one instance: its deliveries as they are now, or why nothing was done."""

    sop_instance_uid: str
    deliveries: Sequence[Mapping[str, Any]] = ()
    failure: str = ""


def operate(config: Config, action: str, wanted: Wanted) -> Iterator[Result]:
    """Do it, an instance at a time.

    Raises UsageError for what is no UID, no destination or no store; NodeNotAsked, StoreError.
    """
    _check(config, wanted)
    uids = wanted.uids or _chosen(config, action, wanted)
    try:
        store = opened_store(config)
    except StoreLocked:
        yield from _each(uids, lambda uid: _ask(config, action, uid, wanted.destination))
        return

    def in_store(uid: str) -> Mapping[str, Any]:
        done = act(store, action, uid, now=datetime.now(UTC), destination=wanted.destination)
        _record(config, uid, action)
        return done

    with store:
        yield from _each(uids, in_store)


def uids_in(lines: Iterable[str]) -> tuple[str, ...]:
    """The UIDs of a text: the first field of each line, each once, in order.

    The head line of `echonode ledger` is passed over, so that its output is taken as it is.
    """
    firsts = (line.split()[0] for line in lines if line.strip())
    return tuple(dict.fromkeys(first for first in firsts if first != COLUMNS[0]))


def _each(uids: Iterable[str], act_on: Act) -> Iterator[Result]:
    for uid in uids:
        try:
            yield Result(sop_instance_uid=uid, deliveries=act_on(uid)["deliveries"])
        except OperatorRefused as error:
            yield Result(sop_instance_uid=uid, failure=str(error))


def _ask(config: Config, action: str, uid: str, destination: str | None) -> Mapping[str, Any]:
    """The running node does it."""
    body: dict[str, object] = {} if destination is None else {"destination": destination}
    path = f"/api/instances/{quote(uid)}/{action}"
    answer: dict[str, Any] = post(config, path, body, timeout_s=_ANSWER_S)
    return answer


def _chosen(config: Config, action: str, wanted: Wanted) -> Sequence[str]:
    with open_read_only(
        config.data_dir,
        index_url=config.index.server_url,
        cipher=config.encryption.cipher,
    ) as store:
        return store.ledger.chosen_instances(
            DeliveryChoice(
                states=CHANGES[action],
                kept=action == "release",
                destination=wanted.destination,
                study_instance_uid=wanted.study_instance_uid,
            )
        )


def _check(config: Config, wanted: Wanted) -> None:
    named = [*wanted.uids, *([wanted.study_instance_uid] if wanted.study_instance_uid else [])]
    for uid in named:
        if not is_valid_uid(uid):
            raise UsageError(f"{uid!r} is not a UID")
    _check_store(config)
    if wanted.destination is not None and not wanted.uids:
        _check_destination(config, wanted.destination)
    if wanted.study_instance_uid is not None:
        _check_study(config, wanted.study_instance_uid)


def _check_store(config: Config) -> None:
    if not config.index.server_url and not (config.data_dir / "index.sqlite").exists():
        raise UsageError(f"there is no store in {config.data_dir}: has the node run there?")


def _check_destination(config: Config, name: str) -> None:
    """One of the configuration, or one that left it and still has deliveries."""
    known = [at.name for at in config.destination_values()]
    if name in known:
        return
    with open_read_only(
        config.data_dir,
        index_url=config.index.server_url,
        cipher=config.encryption.cipher,
    ) as store:
        if name in store.ledger.destinations():
            return
    raise UsageError(f"there is no destination `{name}`; configured: {', '.join(known) or 'none'}")


def _check_study(config: Config, study_instance_uid: str) -> None:
    with open_read_only(
        config.data_dir,
        index_url=config.index.server_url,
        cipher=config.encryption.cipher,
    ) as store:
        if not store.ledger.knows_study(study_instance_uid):
            raise UsageError(
                f"the store has no study {study_instance_uid}: give a Study Instance UID of "
                "`echonode ledger`"
            )


def acknowledge_study(config: Config, study_instance_uid: str) -> dict[str, Any]:
    """Acknowledge the conflicts of a study; as operator_hand.acknowledge.

    Raises UsageError for what is no UID or no store, OperatorRefused, NodeNotAsked.
    """
    if not is_valid_uid(study_instance_uid):
        raise UsageError(f"{study_instance_uid!r} is not a Study Instance UID")
    try:
        store = opened_store(config)
    except StoreLocked:
        path = f"/api/studies/{quote(study_instance_uid)}/acknowledge"
        answer: dict[str, Any] = post(config, path, {}, timeout_s=_ANSWER_S)
        return answer
    with store:
        done = acknowledge(store, study_instance_uid, now=datetime.now(UTC))
    _record(config, study_instance_uid, "acknowledge")
    return done


def _record(config: Config, uid: str, action: str) -> None:
    """In the audit trail, as the node that runs records its route."""
    record(config, deliveries_changed((uid,), action, at=datetime.now(UTC)))


def opened_store(config: Config) -> Store:
    """The store, opened. Raises UsageError where there is none, StoreLocked."""
    _check_store(config)
    return open_store(config)
