"""C-MOVE and C-GET: what is sent, what is counted and what is said when it does not work."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import structlog
from pydicom.config import IGNORE
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from echonode.dimse.contexts import ProposedContext
from echonode.dimse.services import (
    GetRequest,
    MoveRequest,
    Part10File,
    StoreResponse,
    SubOperations,
)
from echonode.errors import (
    AssociationLost,
    AssociationRejected,
    ContextNotAccepted,
    Damaged,
    DimseFailure,
    NetworkError,
    PeerUnreachable,
    StoreError,
)
from echonode.model.criteria import Level, Root, Selection
from echonode.model.identity import Peer, Service
from echonode.model.instance import StoredInstance
from echonode.query_retrieve.get_scp import GetSCP
from echonode.query_retrieve.move_scp import MoveSCP
from echonode.query_retrieve.selection import read_selection

IMPLICIT, EXPLICIT, JPEG = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.50"
US_IMAGE, US_MULTI_FRAME = "1.2.840.10008.5.1.4.1.1.6.1", "1.2.840.10008.5.1.4.1.1.3.1"


def peer(ae_title: str) -> Peer:
    return Peer(
        name=ae_title.lower(),
        ae_title=ae_title,
        host="127.0.0.1",
        port=11112,
        may=frozenset({Service.MOVE, Service.GET}),
    )


VIEWER, ARCHIVE = peer("VIEWER"), peer("ARCHIVE")


def instance(number: int, *, syntax: str = EXPLICIT, sop_class: str = US_IMAGE) -> StoredInstance:
    return StoredInstance(
        sop_class_uid=sop_class,
        sop_instance_uid=f"1.2.3.{number}",
        study_instance_uid="1.2",
        series_instance_uid="1.2.3",
        transfer_syntax_uid=syntax,
        path=Path(f"/data/{number}.dcm"),
        size=1000,
        dataset_offset=400,
        dataset_sha256="00",
    )


def identifier(level: str | None = "STUDY", **keys: object) -> Dataset:
    made = Dataset()
    elements = {**keys, **({} if level is None else {"QueryRetrieveLevel": level})}
    for keyword, value in elements.items():
        vr = dictionary_VR(keyword)
        made.add(DataElement(Tag(keyword), vr, value, validation_mode=IGNORE))
    return made


def stands(remaining: int, completed: int, failed: int, warning: int, *uids: str) -> SubOperations:
    return SubOperations(
        remaining=remaining,
        completed=completed,
        failed=failed,
        warning=warning,
        failed_sop_instance_uids=uids,
    )


Answer = int | BaseException


@dataclass
class Receiver:
    """A move destination that answers as scripted: a status, or what its association does.

    takes: the transfer syntaxes it accepts. answers: by SOP Instance UID, in turn; else 0000.
    misnamed: those whose answers name another instance.
    openings: what opening each association does, in turn; else it opens.
    """

    takes: frozenset[str] = frozenset({IMPLICIT, EXPLICIT, JPEG})
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    openings: deque[NetworkError | None] = field(default_factory=deque)
    proposals: list[list[tuple[str, str]]] = field(default_factory=list)
    received: list[tuple[str, str]] = field(default_factory=list)
    originators: set[tuple[str | None, int | None]] = field(default_factory=set)
    released: int = 0
    misnamed: set[str] = field(default_factory=set)

    @contextmanager
    def associate(self, peer: Peer, contexts: Sequence[ProposedContext]) -> Iterator[Receiver]:
        assert peer is ARCHIVE
        trouble = self.openings.popleft() if self.openings else None
        if trouble is not None:
            raise trouble
        self.proposals.append(
            [(c.abstract_syntax, syntax) for c in contexts for syntax in c.transfer_syntaxes]
        )
        yield self
        self.released += 1

    def c_store(
        self,
        file: Part10File,
        *,
        move_originator_ae_title: str | None = None,
        move_originator_message_id: int | None = None,
    ) -> StoreResponse:
        self.originators.add((move_originator_ae_title, move_originator_message_id))
        return self.store(file)

    def store(self, file: Part10File) -> StoreResponse:
        if file.transfer_syntax_uid not in self.takes:
            raise ContextNotAccepted("no context")
        self.received.append((file.sop_instance_uid, file.transfer_syntax_uid))
        script = self.answers.get(file.sop_instance_uid, [])
        answer = script.pop(0) if script else 0
        if isinstance(answer, BaseException):
            raise answer
        return StoreResponse(status=answer, names_another=file.sop_instance_uid in self.misnamed)


@contextmanager
def reencode(stored: StoredInstance, transfer_syntax_uid: str) -> Iterator[Part10File]:
    if stored.transfer_syntax_uid == JPEG:
        raise ContextNotAccepted("pixels are not decoded here")
    yield Part10File(
        path=Path("/tmp/reencoded"),
        sop_class_uid=stored.sop_class_uid,
        sop_instance_uid=stored.sop_instance_uid,
        transfer_syntax_uid=transfer_syntax_uid,
        dataset_offset=0,
        size=1,
    )


def cancelled_after(looks: int) -> Callable[[], bool]:
    left = iter(range(looks))
    return lambda: next(left, None) is None


def never() -> bool:
    return False


def move(
    receiver: Receiver,
    instances: Iterable[StoredInstance],
    *,
    asked: Dataset | None = None,
    destination: str = "ARCHIVE",
    cancelled: Callable[[], bool] = never,
    **options: object,
) -> list[SubOperations]:
    scp = MoveSCP(
        select=lambda selection: instances,
        associate=receiver.associate,
        destination_for={"ARCHIVE": ARCHIVE}.get,
        **options,  # type: ignore[arg-type]
    )
    request = MoveRequest(
        caller=VIEWER,
        root=Root.STUDY,
        identifier=asked or identifier(StudyInstanceUID="1.2"),
        move_destination=destination,
        message_id=7,
        cancelled=cancelled,
    )
    return list(scp(request))


def get(
    receiver: Receiver,
    instances: Iterable[StoredInstance],
    *,
    cancelled: Callable[[], bool] = never,
    **options: object,
) -> list[SubOperations]:
    scp = GetSCP(select=lambda selection: instances, **options)  # type: ignore[arg-type]
    request = GetRequest(
        caller=VIEWER,
        root=Root.STUDY,
        identifier=identifier(StudyInstanceUID="1.2"),
        store=receiver.store,
        cancelled=cancelled,
    )
    return list(scp(request))


Retrieve = Callable[..., list[SubOperations]]
retrieve = pytest.mark.parametrize("retrieve", [move, get])
THREE = [instance(1), instance(2), instance(3)]


# --- what is named ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "root", "keys"),
    [
        (identifier("STUDY", StudyInstanceUID="1.2"), Root.STUDY, {"StudyInstanceUID": ("1.2",)}),
        (
            identifier("study", StudyInstanceUID=["1.2", "1.3", "1.2"]),
            Root.STUDY,
            {"StudyInstanceUID": ("1.2", "1.3")},
        ),
        (
            identifier("SERIES", StudyInstanceUID="1.2", SeriesInstanceUID=["1.2.3", "1.2.4"]),
            Root.STUDY,
            {"StudyInstanceUID": ("1.2",), "SeriesInstanceUID": ("1.2.3", "1.2.4")},
        ),
        (identifier("PATIENT", PatientID="P 1 "), Root.PATIENT, {"PatientID": ("P 1",)}),
        (
            identifier("STUDY", PatientID="P1", StudyInstanceUID="1.2", PatientName="X"),
            Root.PATIENT,
            {"PatientID": ("P1",), "StudyInstanceUID": ("1.2",)},
        ),
        # The Study Root knows no Patient ID: it does not narrow.
        (
            identifier("STUDY", PatientID="P1", StudyInstanceUID="1.2"),
            Root.STUDY,
            {"StudyInstanceUID": ("1.2",)},
        ),
        (identifier("IMAGE", SOPInstanceUID="1.2.9"), Root.STUDY, {"SOPInstanceUID": ("1.2.9",)}),
        (
            identifier("STUDY", PatientID="P1", StudyInstanceUID="1.2"),
            Root.PATIENT_STUDY_ONLY,
            {"PatientID": ("P1",), "StudyInstanceUID": ("1.2",)},
        ),
    ],
)
def test_unique_keys_name_what_to_send(
    asked: Dataset, root: Root, keys: dict[str, tuple[str, ...]]
) -> None:
    """The unique keys of the levels down to the one asked for, and nothing else, select."""
    selection = read_selection(asked, root)
    assert (selection.root, dict(selection.keys)) == (root, keys)
    assert selection.level is Level(asked.QueryRetrieveLevel.upper())


def test_a_patient_may_be_retrieved_in_the_study_root() -> None:
    """Orthanc asks so, and a Patient ID alone leaves no doubt: as in the Patient Root."""
    asked = identifier("PATIENT", PatientID="P1")
    in_study_root = read_selection(asked, Root.STUDY)
    assert in_study_root == read_selection(asked, Root.PATIENT)


@pytest.mark.parametrize(
    ("asked", "root"),
    [
        (identifier(None, StudyInstanceUID="1.2"), Root.STUDY),
        (identifier("PATIENT"), Root.STUDY),
        (identifier("SERIES", SeriesInstanceUID="1.2.3"), Root.PATIENT_STUDY_ONLY),
        (identifier("IMAGE", SOPInstanceUID="1.2.9"), Root.PATIENT_STUDY_ONLY),
        (identifier("PATIENT", PatientID=["P1", "P2"]), Root.STUDY),
        (identifier("PATIENT", PatientID="P*"), Root.PATIENT),
        (identifier("PATIENT", PatientID=["P1", "P2"]), Root.PATIENT),
        (identifier("STUDY"), Root.STUDY),
        (identifier("STUDY", StudyInstanceUID=""), Root.STUDY),
        (identifier("STUDY", StudyInstanceUID="*"), Root.STUDY),
        (identifier("STUDY", PatientID="P1"), Root.PATIENT),
        (identifier("SERIES", StudyInstanceUID="1.2"), Root.STUDY),
        (
            identifier("SERIES", StudyInstanceUID=["1.2", "1.3"], SeriesInstanceUID="1.2.3"),
            Root.STUDY,
        ),
    ],
)
def test_an_identifier_that_names_nothing_definite_is_refused(asked: Dataset, root: Root) -> None:
    """Missing, empty, wild or multiple where one is due: A900, and nothing is sent."""
    with pytest.raises(DimseFailure) as failure:
        read_selection(asked, root)
    assert failure.value.status == 0xA900


# --- the plain course ---------------------------------------------------------------------------


@retrieve
def test_each_instance_is_sent_as_stored_and_counted(retrieve: Retrieve) -> None:
    """Remaining goes down, completed up, one response a sub-operation, in the stored syntax."""
    receiver = Receiver()
    stored = [instance(1), instance(2, syntax=JPEG)]
    assert retrieve(receiver, stored) == [
        stands(2, 0, 0, 0),
        stands(1, 1, 0, 0),
        stands(0, 2, 0, 0),
    ]
    assert receiver.received == [("1.2.3.1", EXPLICIT), ("1.2.3.2", JPEG)]


def test_a_move_takes_one_association_and_names_its_originator() -> None:
    """All over one association, released at the end; the receiver learns who asked, and in what
    message (PS3.4 C.4.2.1)."""
    receiver = Receiver()
    move(receiver, THREE)
    assert (len(receiver.proposals), receiver.released) == (1, 1)
    assert receiver.originators == {("VIEWER", 7)}


@retrieve
def test_statuses_count_as_completed_warning_or_failed(retrieve: Retrieve) -> None:
    """0000 completes, Bxxx warns, all else fails; the failed are listed, the rest goes on."""
    stored = [instance(number) for number in range(1, 6)]
    receiver = Receiver(
        answers={"1.2.3.2": [0xB000], "1.2.3.3": [0xA700], "1.2.3.4": [0xC211], "1.2.3.5": [0x0107]}
    )
    assert retrieve(receiver, stored)[-1] == stands(0, 1, 2, 2, "1.2.3.3", "1.2.3.4")


@retrieve
@pytest.mark.parametrize(
    "fault",
    [
        NotImplementedError("DOE^JANE"),
        ValueError("DOE^JANE"),
        RecursionError("DOE^JANE"),
        MemoryError("DOE^JANE"),
        ZeroDivisionError("DOE^JANE"),
        DimseFailure(0x0110, "DOE^JANE"),
        PeerUnreachable("DOE^JANE"),
    ],
    ids=lambda fault: type(fault).__name__,
)
def test_whatever_one_instance_raises_is_one_failed_sub_operation(
    retrieve: Retrieve, fault: Exception
) -> None:
    """An instance that our own code fails on is counted and listed as failed, the others come, and
    the log names it without what the error says, which may quote the data."""
    stored = [instance(number) for number in range(1, 5)]
    receiver = Receiver(answers={"1.2.3.2": [fault]})
    with structlog.testing.capture_logs() as lines:
        assert retrieve(receiver, stored)[-1] == stands(0, 3, 1, 0, "1.2.3.2")
    assert {uid for uid, _ in receiver.received} == {f"1.2.3.{n}" for n in range(1, 5)}
    (line,) = [line for line in lines if line["event"] == "sub_operation_failed"]
    assert line["sop_instance_uid"] == "1.2.3.2"
    assert "DOE" not in repr(lines)


@retrieve
def test_an_answer_that_names_another_instance_is_no_success(retrieve: Retrieve) -> None:
    """0000 for something else says nothing of what was sent: that has failed, the rest goes on."""
    receiver = Receiver(misnamed={"1.2.3.2"})
    assert retrieve(receiver, THREE)[-1] == stands(0, 2, 1, 0, "1.2.3.2")


@retrieve
def test_an_instance_that_cannot_be_reencoded_fails_alone(retrieve: Retrieve) -> None:
    """What the re-encoder raises for one instance ends no retrieval."""

    def fail(stored: StoredInstance, transfer_syntax_uid: str) -> object:
        raise NotImplementedError("Unknown Value Representation 'CR'")

    stored = [instance(1), instance(2, syntax=JPEG), instance(3)]
    receiver = Receiver(takes=frozenset({EXPLICIT}))
    last = retrieve(receiver, stored, reencode=fail)[-1]
    assert last == stands(0, 2, 1, 0, "1.2.3.2")


@retrieve
def test_nothing_found_is_a_success_with_zeros(retrieve: Retrieve) -> None:
    """No association is opened for nothing."""
    receiver = Receiver()
    assert retrieve(receiver, []) == [stands(0, 0, 0, 0)]
    assert not receiver.proposals


@retrieve
def test_cancel_stops_between_sub_operations(retrieve: Retrieve) -> None:
    """What was sent stays counted, what was not begun stays remaining, and nothing is failed."""
    receiver = Receiver()
    done = retrieve(receiver, THREE, cancelled=cancelled_after(2 if retrieve is get else 3))
    assert done[-1] == stands(1, 2, 0, 0)
    assert len(receiver.received) == 2


def test_a_cancelled_move_releases_its_association() -> None:
    """C-CANCEL is an orderly end, not an abort, and no second association follows."""
    receiver = Receiver()
    move(receiver, THREE, cancelled=cancelled_after(2))
    assert (len(receiver.proposals), receiver.released) == (1, 1)


@pytest.mark.parametrize("gone_after", [1, 2])
def test_a_requestor_that_is_gone_ends_a_move(gone_after: int) -> None:
    """No caller waits for it: the destination is not taken for the one that was lost, and nothing
    more is sent."""
    looks = iter([False] * gone_after)

    def cancelled() -> bool:
        if next(looks, None) is None:
            raise AssociationLost("the requestor hung up")
        return False

    receiver = Receiver()
    with pytest.raises(AssociationLost, match="requestor"):
        move(receiver, THREE, cancelled=cancelled)
    assert len(receiver.received) == gone_after - 1
    assert len(receiver.proposals) == 1


def test_a_requestor_that_goes_after_the_destination_went_ends_a_move() -> None:
    """Both lines may break in one retrieval; the requestor's is the one that ends it."""
    looks = iter([False] * 4)

    def cancelled() -> bool:
        if next(looks, None) is None:
            raise AssociationLost("the requestor hung up")
        return False

    receiver = Receiver(answers={"1.2.3.2": [AssociationLost("reset")]})
    with pytest.raises(AssociationLost, match="requestor"):
        move(receiver, THREE, cancelled=cancelled)


def test_a_move_that_is_closed_between_sub_operations_releases_its_association() -> None:
    """The caller may stop at any of the answers; the destination sees an orderly end."""
    receiver = Receiver()
    scp = MoveSCP(
        select=lambda selection: THREE,
        associate=receiver.associate,
        destination_for={"ARCHIVE": ARCHIVE}.get,
    )
    running = scp(
        MoveRequest(
            caller=VIEWER,
            root=Root.STUDY,
            identifier=identifier(StudyInstanceUID="1.2"),
            move_destination="ARCHIVE",
            message_id=7,
            cancelled=never,
        )
    )
    assert next(running).remaining == 3
    assert next(running).remaining == 2
    running.close()  # type: ignore[attr-defined]
    assert (len(receiver.received), receiver.released) == (1, 1)


@retrieve
def test_an_index_that_cannot_be_read_is_out_of_resources(retrieve: Retrieve) -> None:
    """A701: unable to calculate the number of matches."""

    def select() -> Iterator[StoredInstance]:
        raise StoreError("disk")
        yield

    with pytest.raises(DimseFailure) as failure:
        retrieve(Receiver(), select())
    assert failure.value.status == 0xA701


# --- what the receiver does not take ------------------------------------------------------------


@retrieve
def test_an_instance_whose_context_is_refused_fails_alone(retrieve: Retrieve) -> None:
    """Without a way to re-encode, it is listed and the others arrive."""
    receiver = Receiver(takes=frozenset({EXPLICIT}))
    stored = [instance(1, syntax=JPEG), instance(2)]
    assert retrieve(receiver, stored)[-1] == stands(0, 1, 1, 0, "1.2.3.1")


@retrieve
def test_an_instance_is_reencoded_only_when_its_syntax_is_refused(retrieve: Retrieve) -> None:
    """Explicit to Implicit VR Little Endian loses nothing; what cannot be re-encoded fails."""
    receiver = Receiver(takes=frozenset({IMPLICIT}))
    stored = [instance(1), instance(2, syntax=IMPLICIT), instance(3, syntax=JPEG), instance(4)]
    assert retrieve(receiver, stored, reencode=reencode)[-1] == stands(0, 3, 1, 0, "1.2.3.3")
    assert receiver.received == [(f"1.2.3.{number}", IMPLICIT) for number in (1, 2, 4)]


@retrieve
def test_a_file_that_is_gone_or_damaged_fails_alone(retrieve: Retrieve) -> None:
    """Our own trouble with one instance is not the others'."""
    receiver = Receiver(answers={"1.2.3.1": [FileNotFoundError()], "1.2.3.2": [Damaged("hash")]})
    assert retrieve(receiver, THREE)[-1] == stands(0, 1, 2, 0, "1.2.3.1", "1.2.3.2")


def test_contexts_are_those_of_the_instances_and_their_fallbacks() -> None:
    """One context a class and syntax, each once; the fallbacks only where we can re-encode."""
    stored = [instance(1), instance(2, syntax=JPEG, sop_class=US_MULTI_FRAME), instance(3)]
    plain, able = Receiver(), Receiver()
    move(plain, stored)
    move(able, stored, reencode=reencode)
    assert plain.proposals == [[(US_IMAGE, EXPLICIT), (US_MULTI_FRAME, JPEG)]]
    assert able.proposals == [
        [
            (US_IMAGE, EXPLICIT),
            (US_IMAGE, IMPLICIT),
            (US_MULTI_FRAME, JPEG),
            (US_MULTI_FRAME, EXPLICIT),
            (US_MULTI_FRAME, IMPLICIT),
        ]
    ]


def test_more_than_128_contexts_take_several_associations_in_turn() -> None:
    """PS3.8 allows 128 on one; nothing is left out, and instances of one kind stay together."""
    stored = [instance(n, sop_class=f"1.2.840.{n % 200}") for n in range(400)]
    receiver = Receiver()
    assert move(receiver, stored)[-1] == stands(0, 400, 0, 0)
    assert [len(contexts) for contexts in receiver.proposals] == [128, 72]


# --- when the line breaks -----------------------------------------------------------------------


@pytest.mark.parametrize("title", ["NOBODY", "archive", ""])
def test_an_unknown_destination_is_refused_before_anything_else(title: str) -> None:
    """A801, though the identifier is wrong too, and the index is not asked."""

    def unread() -> Iterator[StoredInstance]:
        raise AssertionError("the index was asked")
        yield

    with pytest.raises(DimseFailure) as failure:
        move(Receiver(), unread(), asked=identifier(None), destination=title)
    assert failure.value.status == 0xA801


def test_a_destination_title_may_be_padded() -> None:
    """Spaces at the end of an AE title do not count (PS3.5 6.2)."""
    assert move(Receiver(), THREE, destination="ARCHIVE   ")[-1] == stands(0, 3, 0, 0)


@pytest.mark.parametrize(
    "trouble",
    [
        PeerUnreachable("refused"),
        AssociationRejected("no", result=1, source=1, reason=7),
        ContextNotAccepted("none at all"),
    ],
)
def test_a_destination_that_is_down_fails_all_at_once(trouble: NetworkError) -> None:
    """One answer, all instances in its list; the destination is not tried again and again."""
    receiver = Receiver(openings=deque([trouble]))
    done = move(receiver, THREE)
    assert done == [stands(3, 0, 0, 0), stands(0, 0, 3, 0, "1.2.3.1", "1.2.3.2", "1.2.3.3")]
    assert not receiver.proposals


def test_a_lost_association_is_replaced_once_and_nothing_is_skipped() -> None:
    """The instance under way is sent again: it may have arrived, and twice does no harm."""
    receiver = Receiver(answers={"1.2.3.2": [AssociationLost("reset")]})
    assert move(receiver, THREE)[-1] == stands(0, 3, 0, 0)
    assert [uid for uid, _ in receiver.received] == ["1.2.3.1", "1.2.3.2", "1.2.3.2", "1.2.3.3"]
    assert len(receiver.proposals) == 2


@pytest.mark.parametrize("second", [AssociationLost("reset"), PeerUnreachable("refused")])
def test_an_association_lost_for_good_fails_the_rest(second: NetworkError) -> None:
    """What arrived stays completed; what could not go is listed."""
    receiver = Receiver(
        answers={"1.2.3.2": [AssociationLost("reset")]}, openings=deque([None, second])
    )
    assert move(receiver, THREE)[-1] == stands(0, 1, 2, 0, "1.2.3.2", "1.2.3.3")


def test_a_receiver_that_aborts_on_release_changes_nothing() -> None:
    """Every sub-operation was answered by then."""

    class Rude(Receiver):
        @contextmanager
        def associate(self, peer: Peer, contexts: Sequence[ProposedContext]) -> Iterator[Receiver]:
            with super().associate(peer, contexts):
                yield self
            raise AssociationLost("abort")

    receiver = Rude()
    assert move(receiver, THREE)[-1] == stands(0, 3, 0, 0)
    assert len(receiver.proposals) == 1


def test_a_requestor_that_is_gone_ends_a_get() -> None:
    """There is no peer to answer: the loss goes up, and is in the log."""
    receiver = Receiver(answers={"1.2.3.2": [AssociationLost("reset")]})
    with structlog.testing.capture_logs() as lines, pytest.raises(AssociationLost):
        get(receiver, THREE)
    assert (lines[0]["event"], lines[0]["completed"], lines[0]["remaining"]) == (
        "retrieve_finished",
        1,
        2,
    )


@retrieve
def test_the_log_says_who_how_many_and_how_long(retrieve: Retrieve) -> None:
    """One `retrieve_finished` each, without UIDs of patients' studies or any key."""
    clock = iter([1.0, 1.5])
    receiver = Receiver(answers={"1.2.3.2": [0xA700]})
    with structlog.testing.capture_logs() as lines:
        retrieve(receiver, THREE, monotonic=lambda: next(clock))
    [line] = lines
    assert (line["event"], line["service"]) == ("retrieve_finished", retrieve.__name__)
    assert line["ae_title"] == "VIEWER"
    assert line["move_destination"] == ("ARCHIVE" if retrieve is move else "")
    assert (line["completed"], line["failed"], line["remaining"]) == (2, 1, 0)
    assert (line["fault"], line["milliseconds"]) == ("0xA700", 500.0)


def test_retrievals_at_once_do_not_disturb_each_other() -> None:
    """One MoveSCP serves all associations; each request has its own counts."""
    receiver = Receiver()
    scp = MoveSCP(
        select=lambda selection: THREE,
        associate=receiver.associate,
        destination_for={"ARCHIVE": ARCHIVE}.get,
    )
    request = MoveRequest(
        caller=VIEWER,
        root=Root.STUDY,
        identifier=identifier(StudyInstanceUID="1.2"),
        move_destination="ARCHIVE",
        message_id=1,
        cancelled=never,
    )
    runs = [scp(replace(request, message_id=number)) for number in range(4)]
    steps = list(zip(*runs, strict=True))
    assert steps[-1] == (stands(0, 3, 0, 0),) * 4


def test_a_selection_reaches_the_store_as_values() -> None:
    """The store gets a Selection, whatever the identifier was made of."""
    seen: list[Selection] = []

    def select(selection: Selection) -> list[StoredInstance]:
        seen.append(selection)
        return []

    scp = GetSCP(select=select)
    request = GetRequest(
        caller=VIEWER,
        root=Root.PATIENT,
        identifier=identifier("PATIENT", PatientID="P1"),
        store=Receiver().store,
        cancelled=never,
    )
    assert list(scp(request)) == [stands(0, 0, 0, 0)]
    assert seen == [Selection(root=Root.PATIENT, level=Level.PATIENT, keys={"PatientID": ("P1",)})]
