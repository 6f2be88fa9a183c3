"""The patient and the study of an event that names UIDs only. Pure.

A message is about one patient (A.5.3.6, A.5.3.7): an event about several becomes one for each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from echonode.audit.event import AuditEvent, Patient, Study
from echonode.store.index.whose import Belonging

Lookup = Callable[[str], Belonging | None]
# A record has room for so many; what asked for more is described in words.
MOST_LOOKED_UP = 200


def looked_up(event: AuditEvent) -> tuple[str, ...]:
    """The UIDs of an event that are looked up."""
    return event.about[:MOST_LOOKED_UP]


def belonging(event: AuditEvent, lookup: Lookup) -> Iterator[AuditEvent]:
    """The event with what is known of its UIDs; raises what `lookup` raises."""
    if not event.about:
        yield event
        return
    known: dict[Patient | None, dict[str, Study]] = {}
    unknown: list[str] = []
    for uid in looked_up(event):
        found = lookup(uid)
        if found is None:
            unknown.append(uid)
            continue
        patient = Patient(id=found.patient_id, name=found.patient_name)
        studies = known.setdefault(patient if patient.id else None, {})
        study = studies.get(found.study_instance_uid) or Study(
            uid=found.study_instance_uid, accession=found.accession_number
        )
        studies[study.uid] = _with(study, found)
    for each, studies in known.items():
        of_these = tuple(study for study in studies.values() if study.uid)
        yield replace(event, patient=each, studies=(*event.studies, *of_these), about=())
    if unknown or not event.about:
        said = ", ".join(filter(None, (event.description, f"of {', '.join(unknown[:5])}")))
        yield replace(event, description=said, about=(), collect=False)


def _with(study: Study, found: Belonging) -> Study:
    if not found.sop_instance_uid:
        return study
    before = study.instances.get(found.sop_class_uid, ())
    return replace(
        study,
        instances={**study.instances, found.sop_class_uid: (*before, found.sop_instance_uid)},
    )
