"""The conformance statement proves itself: each claim is executed against one running node.

A kind of claims has an executor, which is called for each of them, or once for all where they share
an association. What is served and not claimed is looked for in the code and on the wire.
"""

from __future__ import annotations

import ast
import html
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pydicom.uid
import pytest
from pydicom._uid_dict import UID_dictionary
from pynetdicom.presentation import build_context

from echonode.config import load
from echonode.dimse import contexts
from echonode.dimse.messages.command_set import CommandField
from echonode.dimse.scp import dispatch
from echonode.model import status
from echonode.model.identity import Service
from echonode.monitoring.conformance.archives import CREATED
from echonode.monitoring.conformance.claim import Claim
from echonode.monitoring.conformance.network import OPERATION, SERVED_CLASS, STORAGE_CLASS
from echonode.monitoring.conformance.statement import KINDS, claims
from echonode.monitoring.conformance.statuses import ANSWERED
from echonode.objects.order_table import ROWS
from tests.integration.conformance import executors_copies as copies
from tests.integration.conformance import executors_network as network
from tests.integration.conformance import executors_queries as queries
from tests.integration.conformance import executors_statuses as statuses
from tests.integration.conformance import executors_web as web
from tests.integration.conformance import executors_workflow as workflow
from tests.integration.conformance.site import Site, running_site
from tests.peers.fixtures import require_program

ROOT = Path(__file__).resolve().parents[3]
PACKAGE = ROOT / "echonode"
DEFAULT = ROOT / "config" / "echonode.yaml"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

_ONE = Callable[[Site, Claim], None]
_OF_ONE: dict[str, _ONE] = {
    "application-entity": network.entity,
    "dimse-service": workflow.operation,
    "served-class": network.served_class,
    "used-class": network.used_class,
    "storage-syntax": network.storage_syntax,
    "not-served": network.not_served,
    "association-parameter": network.parameter,
    "timer": network.timer,
    "rejection": network.rejection,
    "query-level": queries.level,
    "query-key": queries.key,
    "query-option": queries.option,
    "character-set": queries.character_set,
    "written-character-set": queries.written_set,
    "worklist-key": workflow.asked_key,
    "served-worklist-key": workflow.served_key,
    "mpps-attribute": workflow.mpps_attribute,
    "order-mapping": workflow.mapping,
    "hl7-message": workflow.hl7_message,
    "hl7-character-set": workflow.hl7_set,
    "created-class": workflow.created,
    "image-attribute": workflow.image_attribute,
    "proposed-syntaxes": workflow.proposed,
    "store-answer": workflow.store_answer,
    "commitment-failure": workflow.reason,
    "mpps-answer": workflow.step_answer,
    "returned-status": statuses.returned_status,
    "media-profile": copies.media,
    "copy-format": copies.copy_format,
    "confidentiality-profile": copies.confidentiality,
    "audit-trail": copies.audit,
    "encryption-at-rest": copies.at_rest,
    "web-resource": web.resource,
    "web-user-agent": web.user_agent,
    "port": web.port,
    "tls": web.tls,
    "user-identity": web.identity,
    "peer-right": network.right,
    "called-connection": network.called,
}


def one_by_one(execute: _ONE) -> Callable[[Site, Sequence[Claim]], dict[str, str]]:
    """An executor of many claims from that of one; what it raises is the claim's fault."""

    def run(site: Site, rows: Sequence[Claim]) -> dict[str, str]:
        faults = {}
        for row in rows:
            try:
                execute(site, row)
            except Exception as error:  # noqa: BLE001  # every fault is reported with its claim
                faults[row.id] = f"{type(error).__name__}: {error}"
            else:
                faults[row.id] = ""
        return faults

    return run


EXECUTORS: dict[str, Callable[[Site, Sequence[Claim]], dict[str, str]]] = {
    **{name: one_by_one(execute) for name, execute in _OF_ONE.items()},
    "storage-class": network.storage_classes,
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    require_program("openssl")
    with running_site(tmp_path_factory.mktemp("site")) as running:
        yield running


def faults_of(site: Site, rows: Sequence[Claim]) -> dict[str, str]:
    """Each claim that is not true, or that nothing executed, with the fault."""
    found = EXECUTORS[rows[0].kind.name](site, rows)
    missing = {row.id: "not executed" for row in rows if row.id not in found}
    return {**{each: fault for each, fault in found.items() if fault}, **missing}


# The last: what is rejected is asked for a minute after its note was sent; others run meanwhile.
_IN_TURN = sorted((kind.name for kind in KINDS), key=lambda name: name == OPERATION.name)


@pytest.mark.parametrize("kind", _IN_TURN)
def test_each_claim_is_true(site: Site, kind: str) -> None:
    """What the statement says of a configuration is what a node with it does."""
    rows = [claim for claim in claims(site.config) if claim.kind.name == kind]
    assert rows, "nothing of this kind is executed: let the site have it"
    faults = faults_of(site, rows)
    assert not faults, "\n".join(f"{each}: {fault}" for each, fault in faults.items())


def test_each_kind_has_its_test() -> None:
    """A claim of a kind that nothing executes does not pass."""
    assert {kind.name for kind in KINDS} == EXECUTORS.keys()


def test_each_claim_of_the_published_statement_is_executed(site: Site) -> None:
    """docs/conformance.md is of the example configuration; the site makes every claim of it too."""
    executed = {claim.id for claim in claims(site.config)}
    assert {claim.id for claim in claims(load(DEFAULT, {}))} - executed == set()


# What is wrong on purpose: (kind, subject, values). Each must be found by the kind's test.
PLANTED = [
    ("application-entity", "node", ("ANOTHER", "127.0.0.1:1 (plain)", "planted")),
    ("dimse-service", "N_DELETE/scp", ("N-DELETE", "SCP", "planted")),
    ("served-class", "1.2.3", ("UPS", "1.2.840.10008.5.1.4.34.6.1", "Implicit VR Little Endian")),
    ("storage-class", "1.2.3", ("Planted Storage", "1.2.3")),
    ("storage-syntax", "1.2.3", ("Planted Syntax", "1.2.840.10008.1.2.4.999")),
    ("not-served", "1.2.3", ("Verification", "1.2.840.10008.1.1")),
    ("association-parameter", "maximum-length", ("Maximum Length", "1")),
    ("timer", "idle_s", ("idle_s", "1", "planted")),
    ("rejection", "unknown-called", ("called AE title not recognised", "2", "1", "7")),
    ("query-level", "study/PATIENT", ("Study Root", "PATIENT")),
    ("query-key", "PixelSpacing", ("Spacing", "(0028,0030)", "DS", "STUDY", "matched, returned")),
    ("query-option", "fuzzy_names", ("fuzzy", "1")),
    ("worklist-key", "PixelData", ("Pixel Data", "(7FE0,0010)", "always")),
    ("served-worklist-key", "PixelSpacing", ("Pixel Spacing", "(0028,0030)")),
    ("mpps-attribute", "PixelSpacing", ("Pixel Spacing", "(0028,0030)", "yes", "yes")),
    ("hl7-message", "ORU^R01", ("ORU^R01", "none")),
    ("image-attribute", "EchoTime", ("Echo Time", "(0018,0081)", "planted", "yes", "yes")),
    ("proposed-syntaxes", "pacs", ("pacs", "RLE Lossless", "required")),
    ("returned-status", "C-ECHO/0000", ("C-ECHO", "A700", "Out of Resources", "planted")),
    ("mpps-answer", "0122", ("0122", "SOP Class Not Supported", "sent again", "sent again")),
    ("media-profile", "planted", ("planted", "Explicit VR Little Endian")),
    ("confidentiality-profile", "x", ("planted", "planted")),
    ("audit-trail", "x", ("planted", "planted")),
    ("encryption-at-rest", "files", ("planted", "planted")),
    ("encryption-at-rest", "databases", ("planted", "planted")),
    ("web-resource", "GET/planted", ("GET", "/dicom-web/planted", "application/json")),
    ("port", "web", ("HTTP", "127.0.0.1", "1", "none")),
    ("tls", "TLSv1.1", ("protocol version TLSv1.1", "supported")),
    ("called-connection", "1.2.840.10008.3.1.2.3.3/ris", ("MPPS", "ris", "none")),
    ("peer-right", "echo-only", ("echo-only", "ECHOONLY", "echo, store", "its AE title alone")),
]


@pytest.mark.parametrize(("kind", "subject", "values"), PLANTED, ids=[each[0] for each in PLANTED])
def test_a_claim_without_code_is_caught(
    site: Site, kind: str, subject: str, values: tuple[str, ...]
) -> None:
    """A row that the program does not keep fails the kind's test."""
    [of_kind] = [each for each in KINDS if each.name == kind]
    planted = of_kind.claim(subject, *values)
    assert planted.id in faults_of(site, [planted])


# --- what is served and not claimed ---


def unclaimed_classes(rows: Sequence[Claim]) -> set[str]:
    """SOP classes that a peer with every right is granted, beyond those that are claimed."""
    claimed = {row.values[1] for row in rows if row.kind in (SERVED_CLASS, STORAGE_CLASS)}
    known = {uid for uid, entry in UID_dictionary.items() if "SOP Class" in entry[1]}
    # What contexts.py itself names, were it private or new.
    known |= {*contexts.SERVICE_OF, *contexts.STORAGE_CLASSES}
    granted = {
        uid
        for uid in known
        if contexts.supported(
            [build_context(uid, list(contexts.READABLE_SYNTAXES))], frozenset(Service)
        )
    }
    return granted - claimed


def unclaimed_operations(rows: Sequence[Claim]) -> set[str]:
    """DIMSE services that the dispatcher serves or that a module sends, and no row claims."""
    claimed = {tuple(row.subject.split("/")[:2]) for row in rows if row.kind is OPERATION}
    served = {(CommandField(field).name, "scp") for field in dispatch.SERVED}
    found = served | {(name, "scu") for name in sent_operations()}
    return {"/".join(each) for each in found - claimed}


def sent_operations() -> set[str]:
    """The requests that dimse/ makes: CommandField.X where no request is served."""
    found = set()
    for path in (PACKAGE / "dimse").rglob("*.py"):
        if path.name in ("dispatch.py", "command_set.py", "provider.py", "association.py"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "CommandField":
                found.add(node.attr)
    found -= {"C_CANCEL"}  # of an operation, and none itself
    callers = "".join(
        path.read_text(encoding="utf-8")
        for path in PACKAGE.rglob("*.py")
        if "commands" not in path.parts
    )
    return found if ".c_move(" in callers else found - {"C_MOVE"}  # of the demonstration alone


# What a report is made of: the statement does not claim reports, and the site makes none.
def unclaimed_creations(rows: Sequence[Claim]) -> set[str]:
    """Storage classes that objects/ imports to make instances of."""
    claimed = {row.values[1] for row in rows if row.kind is CREATED}
    found = set()
    for path in (PACKAGE / "objects").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == "pydicom.uid":
                found |= {each.name for each in node.names if each.name.endswith("Storage")}
    return {name for name in found if getattr(pydicom.uid, name) not in claimed}


def unclaimed_attributes(site: Site, rows: Sequence[Claim]) -> set[str]:
    """What stands in the images that the archive has, beyond what is claimed."""
    claimed = {row.subject for row in rows if row.kind.name == "image-attribute"}
    claimed |= {row.image.partition(">")[0] for row in ROWS}
    images = [site.counterpart.received("ORTHANC", uid) for uid in (site.still, site.clip)]
    return {each.keyword for image in images for each in image} - claimed


def unclaimed_statuses() -> set[str]:
    """Statuses that code raises as an answer, and that no row of the table has."""
    claimed = {code for _, _, code, _ in ANSWERED}
    found = set()
    for path in PACKAGE.rglob("*.py"):
        if path.relative_to(PACKAGE).parts[0] in ("commands", "monitoring"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "DimseFailure":
                found |= {each.id for each in node.args[:1] if isinstance(each, ast.Name)}
    return {name for name in found if name.isupper() and getattr(status, name) not in claimed}


def test_nothing_is_served_without_a_claim(site: Site) -> None:
    """SOP classes, DIMSE services, created classes, statuses, web resources, ports."""
    rows = claims(site.config)
    assert unclaimed_classes(rows) == set()
    assert unclaimed_operations(rows) == set()
    assert unclaimed_creations(rows) == set()
    assert unclaimed_statuses() == set()
    assert unclaimed_attributes(site, rows) == set()
    claimed_ports = {int(row.values[2]) for row in rows if row.kind.name == "port"}
    assert web.open_ports(site) == claimed_ports
    claimed = {row.values[1] for row in rows if row.kind.name == "web-resource"}
    assert web.listed_resources(site) == claimed


def test_a_service_without_a_claim_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: a SOP class, a DIMSE service, a created class and a status."""
    rows = claims(load(DEFAULT, {}))
    with monkeypatch.context() as planted:
        ups = "1.2.840.10008.5.1.4.34.6.1"
        served = {**contexts.SERVICE_OF, ups: Service.FIND}
        planted.setattr(contexts, "SERVICE_OF", served)
        assert ups in unclaimed_classes(rows)
    with monkeypatch.context() as planted:
        field = CommandField.N_DELETE
        more = {**dispatch.SERVED, field: (Service.STORE, None)}
        planted.setattr(dispatch, "SERVED", more)
        assert f"{CommandField(field).name}/scp" in unclaimed_operations(rows)
    assert "KeyObjectSelectionDocumentStorage" in unclaimed_creations(
        [row for row in rows if "88.59" not in row.id]
    )
    with monkeypatch.context() as planted:
        less = tuple(row for row in ANSWERED if row[2] != status.NO_SUCH_ACTION)
        planted.setitem(globals(), "ANSWERED", less)
        assert "NO_SUCH_ACTION" in unclaimed_statuses()


def test_the_command_prints_each_form(site: Site) -> None:
    """--json is a list of rows with id, section, claim and test; the others hold every id."""
    done = site.node.command("conformance", "--json")
    rows = json.loads(done.stdout)
    assert [set(row) for row in rows] == [{"id", "section", "claim", "test"}] * len(rows)
    assert len({row["id"] for row in rows}) == len(rows)
    for row in rows:
        file, _, name = row["test"].partition("::")
        assert name.partition("[")[0] in (ROOT / file).read_text(encoding="utf-8")
    text, page = (site.node.command("conformance", *form).stdout for form in ((), ("--html",)))
    assert [row["id"] for row in rows if row["id"] not in text] == []
    assert [row["id"] for row in rows if html.escape(row["id"]) not in page] == []
    assert "<script" not in page
