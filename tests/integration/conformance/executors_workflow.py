"""Executes the claims on the RIS, on what is created, and on what answers of archives lead to."""

from __future__ import annotations

from collections.abc import Callable

from pydicom.dataset import Dataset
from pydicom.uid import (
    UID,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    generate_uid,
)

from echonode.dimse.contexts import (
    MOVE_CLASSES,
    MPPS_CLASS,
    VERIFICATION_CLASS,
    WORKLIST_CLASS,
)
from echonode.exam.rejection_check import LOOK_EVERY_S, LOOKS_S
from echonode.model.commitment import (
    STORAGE_COMMITMENT_PUSH_MODEL,
    STORAGE_COMMITMENT_PUSH_MODEL_INSTANCE,
)
from echonode.model.criteria import Root
from echonode.model.hl7_character_sets import CODECS
from echonode.model.status import GENERAL, StatusKind
from echonode.monitoring.conformance.archives import ALWAYS, BY_PACE, WHERE_KNOWN
from echonode.monitoring.conformance.claim import Claim
from echonode.monitoring.conformance.sample import made
from echonode.objects.order_table import ROWS
from tests.integration.conformance.executors_network import US_IMAGE, fetched, instance, store
from tests.integration.conformance.executors_queries import find, rich
from tests.integration.conformance.site import STAYS, Site, code_of
from tests.peers.hl7_sender import Hl7Sender
from tests.peers.hl7_sender import code_of as acknowledged
from tests.support.waiting import wait_until
from tests.unit.exam.hl7 import messages

_PACS, _RIS = "ORTHANC", "RIS"


def has(dataset: Dataset, path: str) -> bool:
    """Whether an attribute stands at a path of keywords, in the first item of each sequence."""
    *sequences, keyword = path.split(">")
    for sequence in sequences:
        if not dataset.get(sequence):
            return False
        dataset = dataset[sequence].value[0]
    return keyword in dataset


# --- the operations ---


def operation(site: Site, claim: Claim) -> None:
    """As SCP it answers the request; as SCU it is seen at the peer."""
    name, role, of = claim.subject.split("/")[0], claim.subject.split("/")[1], claim.subject
    service = name.replace("_", "-")
    if role == "scp":
        _ASKED[name](site)
    elif of == "C_STORE/scu/move":
        _move(site)
        site.counterpart.came("C-STORE", "VIEWER")
    elif of == "C_STORE/scu/get":
        _get(site)
    elif of.endswith("/scu/films"):
        assert f"{service} RQ" in site.print_log
    elif of == "C_FIND/scu/rejections":
        wait_until(
            lambda: any(
                asked == "C-FIND" and title not in ("RIS", "FINDS")
                for asked, title in list(site.counterpart.operations)
            ),
            timeout_s=LOOKS_S[0] + 4 * LOOK_EVERY_S,  # from the note's delivery on
            what="a query for what was rejected",
        )
    elif of == "N_EVENT_REPORT/scu":
        _commit(site)
        site.counterpart.came("N-EVENT-REPORT", "VIEWER")
    else:
        name_of_peer = of.split("/")[2] if of.count("/") == 2 else "ris"
        name_of_peer = "ris" if name_of_peer == "worklist" else name_of_peer
        title = site.node.peers[name_of_peer]["ae_title"]
        site.counterpart.came(service, title)


def _echo(site: Site) -> None:
    with site.association([(VERIFICATION_CLASS, [ImplicitVRLittleEndian])]) as association:
        assert association.send_c_echo().Status == 0


def _store(site: Site) -> None:
    assert store(site, instance(US_IMAGE), ExplicitVRLittleEndian) == 0


def _find(site: Site) -> None:
    identifier = Dataset()
    identifier.QueryRetrieveLevel, identifier.PatientID = "STUDY", rich(site).PatientID
    identifier.StudyInstanceUID = ""
    assert len(find(site, identifier)) == 1


def _move(site: Site) -> None:
    model = MOVE_CLASSES[Root.STUDY]
    wanted = Dataset()
    wanted.QueryRetrieveLevel, wanted.StudyInstanceUID = "STUDY", rich(site).StudyInstanceUID
    with site.association([(model, [ImplicitVRLittleEndian])]) as association:
        *_, (last, _) = association.send_c_move(wanted, "VIEWER", model)
        assert last.Status == 0


def _get(site: Site) -> None:
    assert len(fetched(site, rich(site), ExplicitVRLittleEndian)) == 1


def _commit(site: Site) -> None:
    asked, item = Dataset(), Dataset()
    item.ReferencedSOPClassUID = rich(site).SOPClassUID
    item.ReferencedSOPInstanceUID = rich(site).SOPInstanceUID
    asked.TransactionUID, asked.ReferencedSOPSequence = generate_uid(), [item]
    model = STORAGE_COMMITMENT_PUSH_MODEL
    with site.association([(model, [ImplicitVRLittleEndian])]) as association:
        status, _ = association.send_n_action(
            asked, 1, UID(model), UID(STORAGE_COMMITMENT_PUSH_MODEL_INSTANCE)
        )
        assert status.Status == 0


def _report(site: Site) -> None:
    """The archive's report on our own request was taken: the still is committed."""
    wait_until(
        lambda: row_of(site, "pacs")["state"] == "committed",
        timeout_s=15,
        every_s=0.2,
        what=lambda: f"the commitment of the still: {row_of(site, 'pacs')}",
    )


def step(**values: object) -> Dataset:
    """A performed procedure step as a modality reports it."""
    dataset, scheduled = Dataset(), Dataset()
    scheduled.StudyInstanceUID, scheduled.ScheduledProcedureStepID = generate_uid(), "S-1"
    dataset.ScheduledStepAttributesSequence = [scheduled]
    dataset.PerformedProcedureStepStatus = "IN PROGRESS"
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


def _create(site: Site) -> None:
    with site.association([(MPPS_CLASS, [ImplicitVRLittleEndian])]) as association:
        status, _ = association.send_n_create(step(), UID(MPPS_CLASS), generate_uid())
        assert status.Status == 0


def _set(site: Site) -> None:
    uid, over = generate_uid(), Dataset()
    over.PerformedProcedureStepStatus = "COMPLETED"
    with site.association([(MPPS_CLASS, [ImplicitVRLittleEndian])]) as association:
        assert association.send_n_create(step(), UID(MPPS_CLASS), uid)[0].Status == 0
        assert association.send_n_set(over, UID(MPPS_CLASS), uid)[0].Status == 0


_ASKED: dict[str, Callable[[Site], None]] = {
    "C_ECHO": _echo,
    "C_STORE": _store,
    "C_FIND": _find,
    "C_MOVE": _move,
    "C_GET": _get,
    "N_ACTION": _commit,
    "N_EVENT_REPORT": _report,
    "N_CREATE": _create,
    "N_SET": _set,
}

# --- worklist, procedure step, order ---


def asked_key(site: Site, claim: Claim) -> None:
    """The query that came to the RIS has it."""
    assert has(site.counterpart.queries[0], claim.subject)


def served_key(site: Site, claim: Claim) -> None:
    """It comes back with a value, and is no unsupported key."""
    keyword = claim.subject
    identifier = Dataset()
    identifier.PatientID = STAYS
    if keyword != "PatientID":
        setattr(identifier, keyword, [] if keyword.endswith("Sequence") else None)
    answers = find(site, identifier, WORKLIST_CLASS)
    assert answers, "no item"
    assert {status for status, _ in answers} == {0xFF00}
    assert any(answer[keyword].value not in (None, "", []) for _, answer in answers), "empty"


def mpps_attribute(site: Site, claim: Claim) -> None:
    """In the N-CREATE and in the N-SET that came to the RIS, or not."""
    for operation_, column in (("create", claim.values[2]), ("set", claim.values[3])):
        site.counterpart.came(f"N-{operation_.upper()}", _RIS)
        [first, *_] = [sent for kind, sent in site.counterpart.steps if kind == operation_]
        assert (claim.subject in first) == (column == "yes"), f"N-{operation_.upper()}"


def mapping(site: Site, claim: Claim) -> None:
    """The attribute of the order stands in the still and in the N-CREATE where it is claimed."""
    [row] = [
        row
        for row in ROWS
        if claim.subject == f"{row.keyword}/{row.image or '-'}/{row.step or '-'}"
    ]
    site.counterpart.came("N-CREATE", _RIS)
    [begun, *_] = [sent for kind, sent in site.counterpart.steps if kind == "create"]
    image = site.counterpart.received(_PACS, site.still)
    for place, dataset in ((row.image, image), (row.step, begun)):
        assert not place or has(dataset, place), f"nothing at {place}"


def hl7_message(site: Site, claim: Claim) -> None:
    """A message of its kind is acknowledged with AA."""
    kind, _, event = claim.values[0].partition("^")
    sent = _message(kind, event)
    with Hl7Sender(site.hl7_port) as sender:
        assert acknowledged(sender.send(sent)) == "AA"


def _message(kind: str, event: str) -> bytes:
    known = {
        "ADT^A40": messages.A40,
        "ORM^O01": messages.ORM_O01,
        "OMG^O19": messages.OMG_O19,
        "OMI^O23": messages.OMI_O23,
    }
    name = f"{kind}^{event}"
    return known.get(name) or messages.A08_UTF_8.replace(b"ADT^A08", name.encode(), 1)


def hl7_set(site: Site, claim: Claim) -> None:
    """A name with a character of the set is taken."""
    term = claim.values[0]
    codec = CODECS[term]
    character = next(
        (each for each in "éłЖبאαēï가山中" if _fits(each, codec)),
        "x",
    )
    message = messages.msh(
        b"ADT^A08^ADT_A01", claim.subject.encode(), characters=term.encode()
    ) + f"PID|1||4712^^^CLINIC^MR||N{character}me^X\r".encode(codec)
    with Hl7Sender(site.hl7_port) as sender:
        answer = sender.send(message)
    assert acknowledged(answer) == "AA", answer


def _fits(character: str, codec: str) -> bool:
    try:
        character.encode(codec)
    except UnicodeEncodeError:
        return False
    return True


# --- what is created, and what archives answer ---


def created(site: Site, claim: Claim) -> None:
    """The archive has an instance of the class."""
    uid = claim.values[1]
    wait_until(
        lambda: any(
            title == _PACS and dataset.SOPClassUID == uid
            for title, dataset in list(site.counterpart.stored)
        ),
        timeout_s=15,
        what=f"an instance of {claim.values[0]} at the archive",
    )


def image_attribute(site: Site, claim: Claim) -> None:
    """In the still and in the clip that the archive has, or not."""
    for uid, column in ((site.still, claim.values[3]), (site.clip, claim.values[4])):
        image = site.counterpart.received(_PACS, uid)
        if column == ALWAYS:
            assert claim.subject in image
        elif column == WHERE_KNOWN:
            assert claim.subject in image or claim.subject in made(1, told=True)
        elif column == BY_PACE:  # of these one stands in for another
            clips = [made(2), made(3)]
            either = {each.keyword for clip in clips for each in clip} - {
                each.keyword for each in clips[0] if each.keyword in clips[1]
            }
            assert claim.subject in either
            assert any(keyword in image for keyword in either)


def proposed(site: Site, claim: Claim) -> None:
    """The archive was proposed an image in each of the syntaxes, in this order."""
    title = site.node.peers[claim.subject]["ae_title"]
    site.counterpart.came("C-STORE", title)
    names = [UID(uid).name for uid in site.counterpart.proposed[title][US_IMAGE]]
    assert names == claim.values[1].split(", ")


# The state that each treatment and each action leads to within seconds.
_AFTER_ANSWER = {
    "stored; proof is asked for": {"sent"},
    "perhaps stored; proof shows whether it was": {"sent"},
    "the destination is left alone for a while, then sent again": {"queued"},
    "sent again after pauses, then held for a person": {"queued"},
    "sent once in another transfer syntax, then held for a person": {"held"},
    "held for a person at once": {"held"},
    "sent again, as nothing is known": {"queued", "sending"},
}
_AFTER_REASON = {
    "it is sent again": {"queued", "sending", "commit_requested", "sent"},
    "commitment is requested again": {"sent", "commit_requested"},
    "it is held for a person": {"held"},
}


def row_of(site: Site, name: str) -> dict[str, object]:
    """The ledger's row of the still at a destination."""
    rows = site.client().get("/api/ledger")
    [row] = [
        row for row in rows if row["sop_instance_uid"] == site.still and row["destination"] == name
    ]
    return dict(row)


def store_answer(site: Site, claim: Claim) -> None:
    """The still at the archive that answers so."""
    pattern = claim.values[0]
    code = 0x0210 if pattern == "any other" else code_of(pattern)
    site.counterpart.came("C-STORE", f"S_{code:04X}")
    wait_until(
        lambda: row_of(site, f"s-{code:04x}")["state"] in _AFTER_ANSWER[claim.values[2]],
        timeout_s=30,
        every_s=0.1,
        what=lambda: f"the state: {row_of(site, f's-{code:04x}')}",
    )
    row = row_of(site, f"s-{code:04x}")
    assert code == 0 or claim.values[1] in str(row["last_error"])


def reason(site: Site, claim: Claim) -> None:
    """The still at the archive that reports so."""
    code = "ffff" if claim.values[0] == "any other" else claim.values[0].lower()
    site.counterpart.came("N-ACTION", f"R_{code.upper()}")
    wait_until(
        lambda: claim.values[1] in str(row_of(site, f"r-{code}")["last_error"]),
        timeout_s=30,
        every_s=0.1,
        what=lambda: f"the report: {row_of(site, f'r-{code}')}",
    )
    at_first, _, in_the_end = claim.values[2].partition("; ")
    allowed = _AFTER_REASON[at_first] | ({"held"} if in_the_end else set())
    assert row_of(site, f"r-{code}")["state"] in allowed


# Written from PS3.4 F.7.2 and PS3.7 annex C, and not from the code: a warning is a success; a
# duplicate is our own step; without resources, or after a failure, it is tried again; a step that
# is not known begins again; all else is a person's.
def step_answer(site: Site, claim: Claim) -> None:
    """The table of the code is what the standard means by the status."""
    code = int(claim.values[0], 16)
    [row] = [row for row in GENERAL if row.code == code]
    done = row.kind in (StatusKind.SUCCESS, StatusKind.WARNING)
    again = code in (0x0110, 0x0213)
    create = "taken as done" if done or code == 0x0111 else "sent again" if again else ""
    final = "taken as done" if done else "sent again" if again else ""
    if code == 0x0112:
        final = "followed by a new N-CREATE"
    assert claim.values[1] == row.name
    assert claim.values[2] == (create or "given up, with an alarm")
    assert claim.values[3] == (final or "given up, with an alarm")
