"""Presentation contexts: what we propose, and what we accept of a peer.

Rules
- One presentation context per (SOP class, transfer syntax) where we propose: then what was
  accepted is explicit, and nothing is sent in a syntax that was meant for another instance.
- Where we accept, the transfer syntax is the first that the requestor proposed and we know:
  datasets are stored as received, so its preference is the one that counts.
- Deflated datasets are stored as received, and inflated within bounds where the store reads them.
  They are not accepted where a dataset is read in memory (identifiers, commitment).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import ALL_TRANSFER_SYNTAXES, AllStoragePresentationContexts
from pynetdicom.presentation import PresentationContext, build_context

from echonode.model.commitment import STORAGE_COMMITMENT_PUSH_MODEL
from echonode.model.criteria import Root
from echonode.model.identity import Service

VERIFICATION_CLASS = "1.2.840.10008.1.1"
FIND_CLASSES: MappingProxyType[Root, str] = MappingProxyType(
    {
        Root.PATIENT: "1.2.840.10008.5.1.4.1.2.1.1",
        Root.STUDY: "1.2.840.10008.5.1.4.1.2.2.1",
        Root.PATIENT_STUDY_ONLY: "1.2.840.10008.5.1.4.1.2.3.1",
    }
)
MOVE_CLASSES: MappingProxyType[Root, str] = MappingProxyType(
    {
        Root.PATIENT: "1.2.840.10008.5.1.4.1.2.1.2",
        Root.STUDY: "1.2.840.10008.5.1.4.1.2.2.2",
        Root.PATIENT_STUDY_ONLY: "1.2.840.10008.5.1.4.1.2.3.2",
    }
)
GET_CLASSES: MappingProxyType[Root, str] = MappingProxyType(
    {
        Root.PATIENT: "1.2.840.10008.5.1.4.1.2.1.3",
        Root.STUDY: "1.2.840.10008.5.1.4.1.2.2.3",
        Root.PATIENT_STUDY_ONLY: "1.2.840.10008.5.1.4.1.2.3.3",
    }
)

# Ultrasound Image and Multi-frame Image Storage before 1993: archives still send them.
_RETIRED_ULTRASOUND = ("1.2.840.10008.5.1.4.1.1.6", "1.2.840.10008.5.1.4.1.1.3")
STORAGE_CLASSES: frozenset[str] = frozenset(
    [str(context.abstract_syntax) for context in AllStoragePresentationContexts]
    + list(_RETIRED_ULTRASOUND)
)

# Retired JPEG processes (PS3.5 2001), and uncompressed pixels in fragments: bytes like any other.
_RETIRED_SYNTAXES = tuple(
    f"1.2.840.10008.1.2.4.{last}" for last in (*range(52, 57), *range(58, 67))
)
STORAGE_SYNTAXES: frozenset[str] = frozenset(
    [*ALL_TRANSFER_SYNTAXES, *_RETIRED_SYNTAXES, "1.2.840.10008.1.2.1.98"]
)
# For datasets that we read and write ourselves.
READABLE_SYNTAXES: tuple[str, ...] = (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    ExplicitVRBigEndian,
)
KNOWN_SYNTAXES: frozenset[str] = STORAGE_SYNTAXES | {*READABLE_SYNTAXES}

# PS3.5 9.1 and annex A of PS3.6: every UID of the standard, known to us or not.
_ROOT_OF_THE_STANDARD = "1.2.840.10008."

MAXIMUM_CONTEXTS = 128  # context IDs are the odd numbers of one byte (PS3.8 9.3.2.2)


@dataclass(frozen=True, kw_only=True)
class ProposedContext:
    """One SOP class with the transfer syntaxes to propose for it, and our roles (PS3.7 D.3.3.4).

    Each syntax becomes a presentation context of its own.
    """

    abstract_syntax: str
    transfer_syntaxes: tuple[str, ...]
    scu_role: bool = True
    scp_role: bool = False


VERIFICATION = ProposedContext(
    abstract_syntax=VERIFICATION_CLASS, transfer_syntaxes=(ImplicitVRLittleEndian,)
)
# Both roles, as dcm4che refuses to send a report to a requestor that proposed only the SCU role;
# Implicit LE too, as some archives accept nothing else.
COMMITMENT = ProposedContext(
    abstract_syntax=STORAGE_COMMITMENT_PUSH_MODEL,
    transfer_syntaxes=(ExplicitVRLittleEndian, ImplicitVRLittleEndian),
    scu_role=True,
    scp_role=True,
)


# Modality Worklist (PS3.4 annex K) and Modality Performed Procedure Step (annex F), of a RIS.
WORKLIST_CLASS = "1.2.840.10008.5.1.4.31"
WORKLIST = ProposedContext(
    abstract_syntax=WORKLIST_CLASS,
    transfer_syntaxes=(ExplicitVRLittleEndian, ImplicitVRLittleEndian),
)
MPPS_CLASS = "1.2.840.10008.3.1.2.3.3"
MPPS = ProposedContext(
    abstract_syntax=MPPS_CLASS,
    transfer_syntaxes=(ExplicitVRLittleEndian, ImplicitVRLittleEndian),
)


def find_context(root: Root) -> ProposedContext:
    """What a C-FIND of `root` needs."""
    return ProposedContext(
        abstract_syntax=FIND_CLASSES[root],
        transfer_syntaxes=(ExplicitVRLittleEndian, ImplicitVRLittleEndian),
    )


def proposal(contexts: Sequence[ProposedContext]) -> list[PresentationContext]:
    """The presentation contexts of an A-ASSOCIATE-RQ, IDs given, each pair once.

    Raises ValueError for none or more than 128: only the caller can decide which to leave out.
    """
    pairs = dict.fromkeys(
        (context.abstract_syntax, syntax)
        for context in contexts
        for syntax in context.transfer_syntaxes
    )
    if not 0 < len(pairs) <= MAXIMUM_CONTEXTS:
        raise ValueError(
            f"{len(pairs)} presentation contexts cannot be proposed on one association: "
            f"1 to {MAXIMUM_CONTEXTS} can; ask for fewer (class, transfer syntax) pairs"
        )
    built = []
    for number, (abstract_syntax, syntax) in enumerate(pairs):
        context = build_context(abstract_syntax, syntax)
        context.context_id = 2 * number + 1
        built.append(context)
    return built


def roles(contexts: Sequence[ProposedContext]) -> dict[str, tuple[bool, bool]]:
    """SOP class -> (SCU role, SCP role) for those that need a role selection item.

    Only where the SCP role is wanted: the SCU role alone is the default (PS3.7 D.3.3.4).
    """
    return {
        context.abstract_syntax: (context.scu_role, context.scp_role)
        for context in contexts
        if context.scp_role
    }


def supported(
    proposed: Iterable[PresentationContext],
    may: frozenset[Service],
    *,
    private_classes: bool = False,
) -> list[PresentationContext]:
    """What we accept of a requestor's proposal, as pynetdicom's acceptor negotiation wants it.

    private_classes: a class outside the standard counts as a storage class.

    It is built from the proposal, so it costs as much as the proposal and not 172 classes times 60
    syntaxes. Classes that the peer may not use are left out and thereby rejected (PS3.8 9.3.3.2,
    result 3). The roles are those that the requestor may have.
    """
    syntaxes: dict[str, dict[UID, None]] = {}
    for context in proposed:
        wanted = syntaxes.setdefault(str(context.abstract_syntax), {})
        wanted.update(dict.fromkeys(context.transfer_syntax))
    built = []
    for abstract_syntax, offered in syntaxes.items():
        granted = _granted(abstract_syntax, may, private_classes=private_classes)
        if granted is None:
            continue
        known, scu_role, scp_role = granted
        chosen = [syntax for syntax in offered if syntax in known]
        if not chosen:
            # Nothing in common: kept with a syntax of ours, so that the rejection says
            # "transfer syntaxes not supported" (result 4).
            chosen = [UID(ImplicitVRLittleEndian)]
        context = build_context(abstract_syntax, list(chosen))
        context.scu_role, context.scp_role = scu_role, scp_role
        built.append(context)
    return built


def _granted(
    abstract_syntax: str, may: frozenset[Service], *, private_classes: bool
) -> tuple[Iterable[str], bool, bool] | None:
    """(syntaxes, requestor's SCU role, requestor's SCP role) of a class; None: not allowed.

    A storage class is there for a peer that may store (it is SCU) and for one that may C-GET (it
    is SCP of the sub-operations, PS3.4 C.4.3.2).
    """
    private = private_classes and not abstract_syntax.startswith(_ROOT_OF_THE_STANDARD)
    if private or abstract_syntax in STORAGE_CLASSES:
        store, get = Service.STORE in may, Service.GET in may
        return (STORAGE_SYNTAXES, store, get) if store or get else None
    if abstract_syntax == STORAGE_COMMITMENT_PUSH_MODEL:
        return (READABLE_SYNTAXES, True, True) if Service.COMMIT in may else None
    service = SERVICE_OF.get(abstract_syntax)
    if service is None or service not in may:
        return None
    return READABLE_SYNTAXES, True, False


SERVICE_OF: MappingProxyType[str, Service] = MappingProxyType(
    {
        VERIFICATION_CLASS: Service.ECHO,
        **dict.fromkeys(FIND_CLASSES.values(), Service.FIND),
        **dict.fromkeys(MOVE_CLASSES.values(), Service.MOVE),
        **dict.fromkeys(GET_CLASSES.values(), Service.GET),
        WORKLIST_CLASS: Service.WORKLIST,
        MPPS_CLASS: Service.WORKLIST,
    }
)
