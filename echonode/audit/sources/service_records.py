"""The audit events of every DIMSE service, as SCP and as SCU: one row for each.

A service is named as the conformance statement names it (claims `dimse-service`), without the peer:
SERVICE/scp of what peers ask, SERVICE/scu/WHY of what this node asks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from echonode.audit.codes import Action, Kind
from echonode.audit.sources.record_rows import Recorded, Unrecorded

_ASKED = Recorded(kind=Kind.QUERY, action=Action.EXECUTE)
_CAME = Recorded(kind=Kind.TRANSFER, action=Action.CREATE)
_BEGAN = Recorded(kind=Kind.BEGIN_TRANSFER, action=Action.EXECUTE)
_WENT = Recorded(kind=Kind.TRANSFER, action=Action.READ)
_STEP_BEGAN = Recorded(kind=Kind.PROCEDURE, action=Action.CREATE)
_STEP_ENDED = Recorded(kind=Kind.PROCEDURE, action=Action.UPDATE)
_ECHO = Unrecorded("gives nothing of a patient, and changes nothing")
_FILM = Unrecorded("a step on the way to a film; N-ACTION, which prints it, is recorded")
_OWN_CHECK = Unrecorded("asks an archive for what it just received, whose transfer is recorded")

SERVICE_RECORDS: Mapping[str, Sequence[Recorded] | Unrecorded] = MappingProxyType(
    {
        "C_ECHO/scp": _ECHO,
        "C_STORE/scp": (_BEGAN, _CAME),
        "C_FIND/scp": (_ASKED,),  # Query/Retrieve and the worklist that this node serves
        "C_MOVE/scp": (_ASKED,),
        "C_GET/scp": (_ASKED,),
        "C_STORE/scu/move": (_BEGAN, _WENT),
        "C_STORE/scu/get": (_BEGAN, _WENT),
        "N_ACTION/scp": (Recorded(kind=Kind.ACCESS, action=Action.READ),),
        "N_EVENT_REPORT/scp": (Recorded(kind=Kind.ACCESS, action=Action.UPDATE),),
        "N_EVENT_REPORT/scu": Unrecorded("the answer to an N-ACTION that is recorded"),
        "N_CREATE/scp": (_STEP_BEGAN,),
        "N_SET/scp": (_STEP_ENDED,),
        "C_ECHO/scu": _ECHO,
        "C_STORE/scu": (_BEGAN, _WENT),
        "N_ACTION/scu": Unrecorded("the transfer before it and the archive's report are recorded"),
        "C_FIND/scu": _OWN_CHECK,
        "C_FIND/scu/rejections": Unrecorded("asks archives for what this node rejected there"),
        "C_FIND/scu/worklist": (_ASKED,),
        "N_CREATE/scu": (_STEP_BEGAN,),
        "N_SET/scu": (_STEP_ENDED,),
        "N_CREATE/scu/films": _FILM,
        "N_GET/scu/films": _FILM,
        "N_SET/scu/films": _FILM,
        "N_ACTION/scu/films": (Recorded(kind=Kind.EXPORT, action=Action.READ),),
    }
)
