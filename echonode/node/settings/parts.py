"""Parts of the node that are all configuration and no wiring."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from echonode import __version__
from echonode.config import Config
from echonode.exam.entering import MOST_STATIONS, Planned
from echonode.exam.unattended import UnattendedExams
from echonode.log import get_logger
from echonode.maintenance.housekeeping import Housekeeping
from echonode.maintenance.scrubbing import Scrubbing
from echonode.model.identity import Service
from echonode.monitoring.monitor import NodeMonitor
from echonode.node.settings.probes import cine_bytes_per_s
from echonode.objects.equipment import NodeEquipment
from echonode.store.files.free_space import FreeSpace
from echonode.store.retention.deletion import Deleted
from echonode.store.retention.policy import RetentionPolicy
from echonode.store.store import Store
from echonode.store.values import RecoveryReport
from echonode.web.health import Alarm

log = get_logger(__name__)

_SECONDS_A_DAY = 86_400


def free_space(config: Config) -> FreeSpace:
    """Whether a new exam may begin, by the disk that the store is on."""
    return FreeSpace(
        config.data_dir,
        minimum_free_percent=config.retention.minimum_free_percent,
        cine_bytes_per_s=cine_bytes_per_s(config.probes),
    )


def retention_policy(config: Config) -> RetentionPolicy:
    """How long what is kept, and which destinations must hold it in which form."""
    return RetentionPolicy(
        keep_s=config.retention.keep_days_after_commit * _SECONDS_A_DAY,
        destinations={section.target: section.commitment for section in config.destinations},
        lossy_is_enough=frozenset(
            section.target
            for section in config.destinations
            if section.lossy and not section.lossy.keep_original
        ),
    )


def planned_entries(config: Config) -> Planned:
    """What an order of a person is for: the stations of orders that name none, else this node's
    and those of the peers that ask for our worklist.
    """
    hl7, worklist = config.hl7, config.worklist
    if hl7 and hl7.station_ae_titles:
        titles = hl7.station_ae_titles
    else:
        ours = (worklist.station_ae_title if worklist else ()) or (config.ae_title,)
        served = (p.ae_title for p in config.peers.values() if Service.WORKLIST in p.may)
        titles = tuple(dict.fromkeys((*ours, *served)))
    modality = hl7.modality if hl7 else worklist.modality if worklist else "US"
    return Planned(modality=modality, station_ae_titles=titles[:MOST_STATIONS])


def node_equipment(config: Config) -> NodeEquipment:
    """What images that are made here say of the node and of where it stands."""
    place = config.institution
    return NodeEquipment(
        software_versions=(f"EchoNode {__version__}",),
        station_name=place.station or config.ae_title,
        institution_name=place.name,
        institution_address=place.address,
        department_name=place.department,
    )


def housekeeping(
    config: Config,
    store: Store,
    monitor: NodeMonitor,
    *,
    now: Callable[[], datetime],
    on_deleted: Callable[[Sequence[Deleted]], None],
    on_alarms: Callable[[Sequence[Alarm]], None],
) -> Housekeeping:
    """Retention by the configuration's rules, and the alarms that `monitor` finds."""
    return Housekeeping(
        store,
        policy=retention_policy(config),
        alarms=monitor.alarms,
        now=now,
        on_deleted=on_deleted,
        on_alarms=on_alarms,
    )


def scrubbing(config: Config, store: Store) -> Scrubbing | None:
    """Reads every kept file in so many days; None where the configuration says never."""
    if not config.retention.scrub_days:
        return None
    return Scrubbing(
        store.scrub, store.key_value, period_s=config.retention.scrub_days * _SECONDS_A_DAY
    )


def unattended_exams(config: Config, store: Store) -> Mapping[str, UnattendedExams]:
    """Probe name -> whose its captures are while no operator opens an exam.

    Only of probes whose captures need no person: their patient is configured, or they are delivered
    without one.
    """
    return {
        probe.name: UnattendedExams(
            node_id=store.node_id,
            next_counter=lambda: store.counter("unidentified"),
            configured=probe.capture.patient.value() if probe.capture.patient else None,
        )
        for probe in config.probes
        if probe.capture.patient or config.exam.deliver_unidentified
    }


def log_recovery(found: RecoveryReport) -> None:
    """What the last stop left behind, once, where there was anything."""
    if found == RecoveryReport():
        return
    log.warning(
        "store_recovered",
        temporary_files_removed=found.temporary_files_removed,
        orphans_adopted=found.orphans_adopted,
        orphans_quarantined=found.orphans_quarantined,
        orphans_unread=found.orphans_unread,
        deliveries_requeued=found.deliveries_requeued,
        patients_set_right=found.patients_set_right,
        missing_files=list(found.missing),
        database_rebuilt=found.database_rebuilt,
        without_seal=found.without_seal,
        seal_broken=list(found.seal_broken),
        lost_files=list(found.given_back.without_file),
        journal_left_out=found.given_back.left_out,
    )
