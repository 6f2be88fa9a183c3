"""Provokes each status that the node answers."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import NoReturn

from pydicom import config
from pydicom.dataset import Dataset
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian, generate_uid
from pynetdicom import AE, evt
from pynetdicom.dimse_primitives import C_CANCEL, C_FIND, C_STORE, N_ACTION, N_CREATE, N_DELETE
from pynetdicom.presentation import build_role

from echonode.dimse.contexts import (
    FIND_CLASSES,
    GET_CLASSES,
    MOVE_CLASSES,
    MPPS_CLASS,
    VERIFICATION_CLASS,
)
from echonode.errors import OutOfSpace, StoreError
from echonode.model.commitment import (
    STORAGE_COMMITMENT_PUSH_MODEL,
    STORAGE_COMMITMENT_PUSH_MODEL_INSTANCE,
)
from echonode.model.criteria import Root
from echonode.model.instance import StoredInstance
from echonode.monitoring.conformance.claim import Claim
from echonode.query_retrieve.get_scp import GetSCP
from echonode.query_retrieve.move_scp import MoveSCP
from tests.integration.conformance.executors_network import (
    US_IMAGE,
    encoded,
    instance,
    store,
)
from tests.integration.conformance.executors_queries import rich
from tests.integration.conformance.executors_workflow import step
from tests.integration.conformance.raw_messages import last_status, status_of
from tests.integration.conformance.site import Site
from tests.integration.dimse.parts import peer, start_node

STUDY_FIND, STUDY_MOVE, STUDY_GET = (
    classes[Root.STUDY] for classes in (FIND_CLASSES, MOVE_CLASSES, GET_CLASSES)
)


def returned_status(site: Site, claim: Claim) -> None:
    """What provokes it gets it."""
    answered = f"{_PROVOKED[claim.subject](site):04X}"
    assert answered == claim.values[1], f"answered {answered}"


def _echo(site: Site) -> int:
    with site.association([(VERIFICATION_CLASS, [ImplicitVRLittleEndian])]) as association:
        return int(association.send_c_echo().Status)


# --- C-STORE ---


def _stored(site: Site) -> int:
    return store(site, instance(US_IMAGE), ExplicitVRLittleEndian)


def _other_bytes(site: Site) -> int:
    held = rich(site)
    other = instance(US_IMAGE)
    other.SOPInstanceUID = held.SOPInstanceUID
    return store(site, other, ExplicitVRLittleEndian)


def _unreadable(site: Site) -> int:
    return store(
        site,
        instance(US_IMAGE),
        ExplicitVRLittleEndian,
        b"\x08\x00\x05\x00CS\x0a\x00ISO_IR 192\x08\x00",
    )


def _no_uid(site: Site) -> int:
    dataset = instance(US_IMAGE)
    data = encoded(dataset, ExplicitVRLittleEndian)
    return _c_store(site, US_IMAGE, "1.02.x", data)


def _other_class(site: Site) -> int:
    dataset = instance(US_IMAGE)
    data = encoded(dataset, ExplicitVRLittleEndian)
    return _c_store(site, "1.2.840.10008.5.1.4.1.1.2", dataset.SOPInstanceUID, data)


def _c_store(site: Site, sop_class_uid: str, sop_instance_uid: str, data: bytes) -> int:
    """A C-STORE on a context of US images."""
    with site.association([(US_IMAGE, [ExplicitVRLittleEndian])]) as association:
        asked = C_STORE()
        asked.MessageID, asked.Priority = 1, 2
        asked._affected_sop_class_uid = UID(sop_class_uid)
        odd = UID(sop_instance_uid, validation_mode=config.IGNORE)
        asked._affected_sop_instance_uid = odd
        asked.DataSet = BytesIO(data)
        with warnings.catch_warnings(action="ignore"):  # that the UID is none is the point
            return status_of(association, asked)


def _no_space(site: Site) -> int:
    """The handler of a full disk, in a listener of this process: no disk is filled."""
    node = start_node()

    def full(_: object) -> int:
        raise OutOfSpace

    node.archive.store = full  # type: ignore[method-assign,assignment]  # a function
    try:
        ae = AE(ae_title="SCU")
        ae.add_requested_context(US_IMAGE, ExplicitVRLittleEndian)
        made = ae.associate("127.0.0.1", node.port, ae_title="ECHONODE")
        dataset = instance(US_IMAGE)
        dataset.ensure_file_meta()
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        status = int(made.send_c_store(dataset).Status)
        made.release()
        return status
    finally:
        node.acceptor.stop(5.0)


def _may_only_get(site: Site) -> int:
    with site.association([(US_IMAGE, [ExplicitVRLittleEndian])], calling="GETS") as association:
        dataset = instance(US_IMAGE)
        dataset.ensure_file_meta()
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        return int(association.send_c_store(dataset).Status)


# --- C-FIND, C-MOVE, C-GET ---


def _identifier(site: Site, level: str = "STUDY", **keys: object) -> Dataset:
    identifier = Dataset()
    identifier.QueryRetrieveLevel = level
    identifier.StudyInstanceUID = rich(site).StudyInstanceUID
    for keyword, value in keys.items():
        setattr(identifier, keyword, value)
    return identifier


def _find(site: Site, identifier: Dataset, *, which: int = -1) -> int:
    with site.association([(STUDY_FIND, [ExplicitVRLittleEndian])]) as association:
        return int(list(association.send_c_find(identifier, STUDY_FIND))[which][0].Status)


def _private(site: Site) -> int:
    identifier = _identifier(site)
    identifier.add_new(0x00091001, "LO", "")
    return _find(site, identifier, which=0)


def _cancelled(site: Site) -> int:
    """C-CANCEL is in the line before the query's first answer is written."""
    identifier = Dataset()
    identifier.QueryRetrieveLevel = "STUDY"
    identifier.StudyInstanceUID = identifier.StudyDescription = ""
    with site.association([(STUDY_FIND, [ExplicitVRLittleEndian])]) as association:
        asked, cancel = C_FIND(), C_CANCEL()
        asked.MessageID, asked.Priority = 1, 2
        asked.AffectedSOPClassUID = UID(STUDY_FIND)
        asked.Identifier = BytesIO(encoded(identifier, ExplicitVRLittleEndian))
        cancel.MessageIDBeingRespondedTo = 1
        return last_status(association, asked, cancel)


def _move(site: Site, destination: str, identifier: Dataset) -> int:
    with site.association([(STUDY_MOVE, [ImplicitVRLittleEndian])]) as association:
        *_, (last, _) = association.send_c_move(identifier, destination, STUDY_MOVE)
        return int(last.Status)


def _get(site: Site, identifier: Dataset, answers: tuple[int, ...] | None) -> int:
    """answers: of the requestor, to each sub-operation; None: it takes no storage class."""
    left = list(answers or ())
    contexts = [(STUDY_GET, [ImplicitVRLittleEndian])]
    roles = []
    if answers is not None:
        contexts.append((US_IMAGE, [ExplicitVRLittleEndian]))
        roles.append(build_role(US_IMAGE, scp_role=True))
    handlers = [(evt.EVT_C_STORE, lambda event: left.pop(0) if left else 0)]
    with site.association(contexts, ext_neg=roles, evt_handlers=handlers) as association:
        *_, (last, _) = association.send_c_get(identifier, STUDY_GET)
        return int(last.Status)


def _two(site: Site) -> Dataset:
    """A study of two instances."""
    first, second = instance(US_IMAGE), instance(US_IMAGE)
    second.StudyInstanceUID = first.StudyInstanceUID
    second.SeriesInstanceUID = first.SeriesInstanceUID
    for each in (first, second):
        assert store(site, each, ExplicitVRLittleEndian) == 0
    return _identifier(site, StudyInstanceUID=first.StudyInstanceUID)


def _unreadable_index(service: str) -> int:
    """The product's own service over an index that fails, in a listener of this process."""

    def select(_: object) -> Iterable[StoredInstance]:
        raise StoreError("the disk")

    node = start_node()
    if service == "move":
        served = MoveSCP(select=select, associate=_nobody, destination_for={"SCU": peer()}.get)
        node.archive.move = served  # type: ignore[method-assign]  # as node.py does
    else:
        node.archive.get = GetSCP(select=select)  # type: ignore[method-assign]  # same
    identifier = Dataset()
    identifier.QueryRetrieveLevel, identifier.StudyInstanceUID = "STUDY", "1.2.3"
    try:
        ae = AE(ae_title="SCU")
        ae.add_requested_context(STUDY_MOVE if service == "move" else STUDY_GET)
        made = ae.associate("127.0.0.1", node.port, ae_title="ECHONODE")
        answers = (
            made.send_c_move(identifier, "SCU", STUDY_MOVE)
            if service == "move"
            else made.send_c_get(identifier, STUDY_GET)
        )
        *_, (last, _) = answers
        made.release()
        return int(last.Status)
    finally:
        node.acceptor.stop(5.0)


def _nobody(*_: object) -> NoReturn:
    raise AssertionError("nothing is sent: nothing was selected")


# --- storage commitment ---


def _action(
    site: Site,
    *,
    action: int = 1,
    uid: str = STORAGE_COMMITMENT_PUSH_MODEL_INSTANCE,
    leave_out: str = "",
    transaction: str = "",
) -> int:
    asked, item = Dataset(), Dataset()
    item.ReferencedSOPClassUID = rich(site).SOPClassUID
    item.ReferencedSOPInstanceUID = rich(site).SOPInstanceUID
    asked.TransactionUID, asked.ReferencedSOPSequence = generate_uid(), [item]
    if transaction:
        asked["TransactionUID"]._value = UID(transaction, validation_mode=config.IGNORE)
    if leave_out:
        del asked[leave_out]
    model = STORAGE_COMMITMENT_PUSH_MODEL
    with site.association([(model, [ImplicitVRLittleEndian])]) as association:
        return int(association.send_n_action(asked, action, UID(model), UID(uid))[0].Status)


def _action_of_class(site: Site) -> int:
    """On the context of commitment, for another SOP class."""
    model = STORAGE_COMMITMENT_PUSH_MODEL
    with site.association([(model, [ImplicitVRLittleEndian])]) as association:
        asked = N_ACTION()
        asked.MessageID, asked.ActionTypeID = 1, 1
        asked.RequestedSOPClassUID = UID("1.2.3")
        asked.RequestedSOPInstanceUID = UID(STORAGE_COMMITMENT_PUSH_MODEL_INSTANCE)
        information = Dataset()
        information.TransactionUID = generate_uid()
        asked.ActionInformation = BytesIO(encoded(information, ImplicitVRLittleEndian))
        with warnings.catch_warnings(action="ignore"):  # that the UID is none is the point
            return status_of(association, asked)


def _report(site: Site, *, event_type: int = 1) -> int:
    """A report on a request that was never made."""
    information, item = Dataset(), Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = US_IMAGE, generate_uid()
    information.TransactionUID, information.ReferencedSOPSequence = generate_uid(), [item]
    model = STORAGE_COMMITMENT_PUSH_MODEL
    roles = [build_role(model, scu_role=False, scp_role=True)]
    with site.association([(model, [ImplicitVRLittleEndian])], ext_neg=roles) as association:
        status, _ = association.send_n_event_report(
            information, event_type, UID(model), UID(STORAGE_COMMITMENT_PUSH_MODEL_INSTANCE)
        )
        return int(status.Status)


# --- procedure steps ---


def _steps(site: Site, *messages: tuple[str, str, Dataset]) -> int:
    """The status of the last of these N-CREATE and N-SET."""
    with site.association([(MPPS_CLASS, [ImplicitVRLittleEndian])]) as association:
        for kind, uid, dataset in messages:
            send = association.send_n_create if kind == "create" else association.send_n_set
            status, _ = send(dataset, UID(MPPS_CLASS), uid)
        return int(status.Status)


def _create(site: Site, **values: object) -> int:
    dataset = step(**values)
    for keyword, value in values.items():
        if value is None:
            del dataset[keyword]
    return _steps(site, ("create", generate_uid(), dataset))


def _twice(site: Site) -> int:
    uid = generate_uid()
    return _steps(site, ("create", uid, step()), ("create", uid, step()))


def _create_no_uid(site: Site) -> int:
    with site.association([(MPPS_CLASS, [ImplicitVRLittleEndian])]) as association:
        asked = N_CREATE()
        asked.MessageID = 1
        asked.AffectedSOPClassUID = UID(MPPS_CLASS)
        asked._affected_sop_instance_uid = UID("1.02.x", validation_mode=config.IGNORE)
        asked.AttributeList = BytesIO(encoded(step(), ImplicitVRLittleEndian))
        with warnings.catch_warnings(action="ignore"):  # that the UID is none is the point
            return status_of(association, asked)


def _over(site: Site, *, more: int) -> int:
    uid, over = generate_uid(), Dataset()
    over.PerformedProcedureStepStatus = "COMPLETED"
    return _steps(site, ("create", uid, step()), *[("set", uid, over)] * (1 + more))


def _unknown_step(site: Site) -> int:
    over = Dataset()
    over.PerformedProcedureStepStatus = "COMPLETED"
    return _steps(site, ("set", generate_uid(), over))


def _delete(site: Site) -> int:
    """N-DELETE, which no service here has."""
    with site.association([(MPPS_CLASS, [ImplicitVRLittleEndian])]) as association:
        asked = N_DELETE()
        asked.MessageID = 1
        asked.RequestedSOPClassUID = UID(MPPS_CLASS)
        asked.RequestedSOPInstanceUID = generate_uid()
        with warnings.catch_warnings(action="ignore"):  # that the UID is none is the point
            return status_of(association, asked)


def _sent_nowhere(site: Site) -> int:
    """C-MOVE to a peer that does not answer: its port is closed."""
    return _move(site, "CLOSED", _identifier(site))


_PROVOKED: dict[str, Callable[[Site], int]] = {
    "C-ECHO/0000": _echo,
    "C-STORE/0000": _stored,
    "C-STORE/A700": _no_space,
    "C-STORE/A900": _other_bytes,
    "C-STORE/C000": _unreadable,
    "C-STORE/0117": _no_uid,
    "C-STORE/0122": _other_class,
    "C-STORE/0124": _may_only_get,
    "C-FIND/0000": lambda site: _find(site, _identifier(site)),
    "C-FIND/FF00": lambda site: _find(site, _identifier(site), which=0),
    "C-FIND/FF01": _private,
    "C-FIND/A900": lambda site: _find(site, _identifier(site, "NOLEVEL")),
    "C-FIND/FE00": _cancelled,
    "C-MOVE/0000": lambda site: _move(site, "VIEWER", _identifier(site)),
    "C-MOVE/A801": lambda site: _move(site, "NOBODY", _identifier(site)),
    "C-MOVE/A701": lambda _: _unreadable_index("move"),
    "C-MOVE/A702": _sent_nowhere,
    "C-MOVE/A900": lambda site: _move(site, "VIEWER", _identifier(site, "NOLEVEL")),
    "C-GET/0000": lambda site: _get(site, _two(site), (0, 0)),
    "C-GET/A701": lambda _: _unreadable_index("get"),
    "C-GET/A702": lambda site: _get(site, _identifier(site), None),
    "C-GET/B000": lambda site: _get(site, _two(site), (0xA700, 0)),
    "C-GET/A900": lambda site: _get(site, _identifier(site, "NOLEVEL"), (0,)),
    "N-ACTION/0000": _action,
    "N-ACTION/0123": lambda site: _action(site, action=2),
    "N-ACTION/0118": _action_of_class,
    "N-ACTION/0112": lambda site: _action(site, uid="1.2.3.4"),
    "N-ACTION/0120": lambda site: _action(site, leave_out="TransactionUID"),
    "N-ACTION/0106": lambda site: _action(site, transaction="1.02.x"),
    "N-EVENT-REPORT/0113": lambda site: _report(site, event_type=9),
    "N-EVENT-REPORT/0115": _report,
    "N-CREATE/0000": _create,
    "N-CREATE/0106": lambda site: _create(site, PerformedProcedureStepStatus="COMPLETED"),
    "N-CREATE/0120": lambda site: _create(site, ScheduledStepAttributesSequence=None),
    "N-CREATE/0111": _twice,
    "N-CREATE/0117": _create_no_uid,
    "N-SET/0000": lambda site: _over(site, more=0),
    "N-SET/0112": _unknown_step,
    "N-SET/0110": lambda site: _over(site, more=1),
    "any-service/0211": _delete,
}
