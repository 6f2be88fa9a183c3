"""Every route of the access table has its record, or a reason why it has none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

import pytest

from echonode.access.events import PatientDataAccess
from echonode.access.repetition import AGAIN_S
from echonode.access.route_table import RULES, Rule
from echonode.audit.codes import Action, EventType, Kind, Outcome
from echonode.audit.event import AuditEvent
from echonode.audit.sources.accesses import AuditedAccesses, event_of
from echonode.audit.sources.record_rows import Recorded, Unrecorded
from echonode.audit.sources.route_records import RECORDS, TRAIL_USES
from echonode.audit.xml import Source, audit_message
from tests.support.audit_schema import checked
from tests.unit.access.test_events import ACCESS
from tests.unit.audit.events import US


def asked(rule: Rule, *, status: int = 200) -> PatientDataAccess:
    path = rule.path.replace("*", "studies/1.2.3").replace("{uid}", "1.2.3")
    return replace(
        ACCESS,
        kind=rule.data,
        method=rule.method,
        path=rule.path,
        change=rule.changes_data,
        status=status,
        uid="1.2.3",
        asked=path.encode(),
    )


def unlisted(rules: Iterable[Rule]) -> set[str]:
    """The routes without a row in RECORDS."""
    return {f"{rule.method} {rule.path}" for rule in rules} - set(RECORDS)


def test_each_route_has_a_row_and_each_row_a_route() -> None:
    """Planted: a route without a row is found."""
    planted = replace(RULES[0], method="POST", path="/api/planted")
    assert unlisted(RULES) == set()
    assert unlisted([*RULES, planted]) == {"POST /api/planted"}
    assert {*RECORDS, *TRAIL_USES} <= {f"{rule.method} {rule.path}" for rule in RULES}


@pytest.mark.parametrize("rule", RULES, ids=lambda r: f"{r.method} {r.path}")
def test_each_route_has_the_record_of_its_row(rule: Rule) -> None:
    """Valid by the standard's schema, with the row's codes; what another part records is not
    recorded twice.
    """
    row = RECORDS[f"{rule.method} {rule.path}"]
    event = event_of(asked(rule), US)
    if isinstance(row, Unrecorded) or row.by:
        assert event is None
        return
    assert event is not None
    found = Recorded(kind=event.kind, action=event.action, type=event.type)
    assert (found.kind, found.action, found.event_type) == (row.kind, row.action, row.event_type)
    checked(audit_message(event, Source(id="E")))
    assert event.actor == ACCESS.user


@pytest.mark.parametrize("rule", RULES, ids=lambda r: f"{r.method} {r.path}")
def test_what_gives_or_changes_a_patients_data_is_never_without_a_record(rule: Rule) -> None:
    """Whatever the table says; one without a row is recorded as an access."""
    row = RECORDS[f"{rule.method} {rule.path}"]
    assert not rule.data or isinstance(row, Recorded)
    event = event_of(replace(asked(rule), path="/api/planted"), US)
    assert (event is not None) == bool(rule.data)


@pytest.mark.parametrize(
    "rule", [r for r in RULES if r.least is not None], ids=lambda r: f"{r.method} {r.path}"
)
def test_each_refusal_is_an_alert(rule: Rule) -> None:
    """Of the routes without a patient too."""
    event = event_of(asked(rule, status=403), US)
    assert event is not None
    assert (event.kind, event.type) == (Kind.ALERT, EventType.RESTRICTED_FUNCTION)
    checked(audit_message(event, Source(id="E")))


@pytest.mark.parametrize(
    ("path", "method", "kind", "action", "about"),
    [
        ("/dicom-web/studies?PatientName=DOE*", "GET", Kind.QUERY, Action.EXECUTE, ()),
        ("/dicom-web/studies/1.2/series", "GET", Kind.QUERY, Action.EXECUTE, ()),
        ("/dicom-web/studies/1.2", "GET", Kind.TRANSFER, Action.READ, ("1.2",)),
        ("/dicom-web/studies/1.2/metadata", "GET", Kind.TRANSFER, Action.READ, ("1.2",)),
        (
            "/dicom-web/studies/1.2/series/1.3/instances/1.4/frames/1",
            "GET",
            Kind.TRANSFER,
            Action.READ,
            ("1.4",),
        ),
        (
            "/dicom-web/wado?requestType=WADO&studyUID=1.2&objectUID=1.4&contentType=image/png",
            "GET",
            Kind.TRANSFER,
            Action.READ,
            ("1.4",),
        ),
        ("/dicom-web/studies", "POST", Kind.TRANSFER, Action.CREATE, ()),
    ],
)
def test_dicomweb_is_queries_and_transfers(
    path: str, method: str, kind: Kind, action: Action, about: tuple[str, ...]
) -> None:
    """QIDO-RS asks, WADO-RS retrieves, STOW-RS stores."""
    access = replace(
        ACCESS,
        method=method,
        path="/dicom-web/*",
        change=method == "POST",
        asked=path.encode(),
        uid="",
    )
    event = event_of(access, US)
    assert event is not None
    assert (event.kind, event.action, event.about) == (kind, action, about)
    if kind is Kind.QUERY:
        assert event.query is not None
        assert event.query.keys == path.encode()


def test_who_exported_a_patients_data_says_whose_it_was() -> None:
    """The number stands in the body; a body of another form names no one, and is recorded."""
    for body, wanted in ((b'{"patient_id": "P-7"}', "P-7"), (b"[]", ""), (b"{", "")):
        for route in ("export", "held"):
            path = f"/api/patients/{route}"
            access = replace(
                ACCESS, method="POST", path=path, asked=path.encode() + b" " + body, change=False
            )
            event = event_of(access, US)
            assert event is not None
            assert (event.patient.id if event.patient else "") == wanted


def test_the_same_look_again_is_recorded_after_five_minutes() -> None:
    """Another query, and each change, at once."""
    told: list[AuditEvent] = []
    audited = AuditedAccesses(told.append, US)
    search = replace(ACCESS, method="POST", path="/api/studies/search", asked=b"a", change=False)
    change = replace(ACCESS, method="POST", path="/api/exams/{exam}/end", change=True)
    for access in (ACCESS, ACCESS, search, replace(search, asked=b"b"), change, change):
        audited.accessed(access)
    audited.accessed(replace(ACCESS, at=ACCESS.at + timedelta(seconds=AGAIN_S + 1)))
    assert len(told) == 6


def test_what_failed_says_so() -> None:
    """Neither a success nor an alert."""
    event = event_of(replace(ACCESS, status=404), US)
    assert event is not None
    assert event.outcome is Outcome.MINOR_FAILURE
