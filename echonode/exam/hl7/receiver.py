"""One message to its effect and its answer.

Rules
- Durable first, then speak: AA or CA leaves this module only for what the store returned from.
- The acknowledgement is kept with the message, so that the same message again is answered by the
  same bytes; see store/exams/order_messages.py.
- A refusal has no effect and is not kept: the message may come again once its cause is gone.
- Whatever goes wrong, there is an answer by the standard. The log tells sender, type, segment and
  field, never a value.
"""

from __future__ import annotations

import hashlib
import traceback
from collections.abc import Callable, Sequence
from datetime import datetime

from echonode.errors import ControlIdReused, Hl7Refused, StoreError
from echonode.exam.hl7.acknowledgement import Verdict, acknowledgements
from echonode.exam.hl7.data_types import clean
from echonode.exam.hl7.events import changes_of
from echonode.exam.hl7.message import (
    APPLICATION_ERROR,
    DUPLICATE_KEY,
    Message,
    read_head,
    read_message,
)
from echonode.exam.hl7.order_sources import OrderDefaults
from echonode.log import get_logger
from echonode.model.hl7_character_sets import ASCII
from echonode.model.order_change import Change
from echonode.store.exams.order_messages import Applied, OrderMessage

log = get_logger(__name__)

Apply = Callable[[OrderMessage, Sequence[Change], bytes], Applied]
OnApplied = Callable[[OrderMessage, Sequence[Change], str], None]

CONTROL_ID_REUSED = Hl7Refused(
    "MSH-10 was the control ID of another message", code=DUPLICATE_KEY, field=10
)
NOT_STORED = Hl7Refused("nothing can be stored now; send again", code=APPLICATION_ERROR)
FAILED = Hl7Refused("the message could not be processed", code=APPLICATION_ERROR)
_LONGEST_NAME = 50  # of what a log line repeats of MSH


def _ignored(message: OrderMessage, changes: Sequence[Change], address: str) -> None: ...


class Receiver:
    """Takes messages of any connection; thread-safe.

    apply: makes the changes durable, see OrderMessages.apply. default_character_set: what an empty
    MSH-18 means. on_applied: called with what was made durable, and the sender's address.
    """

    def __init__(
        self,
        apply: Apply,
        *,
        defaults: OrderDefaults,
        now: Callable[[], datetime],
        default_character_set: str = ASCII,
        on_applied: OnApplied = _ignored,
    ) -> None:
        self._on_applied = on_applied
        self._apply, self._defaults, self._now = apply, defaults, now
        self._default_character_set = default_character_set

    def __call__(self, data: bytes, address: str) -> bytes:
        """The blocks to answer a message with; b"" where the sender wants no answer.

        Never raises. address: the sender's host, for the log.
        """
        head: Message | None = None
        now = self._now()
        try:
            head = read_head(data)
            return self._taken(data, head, address, now)
        except Hl7Refused as refusal:
            return self._refused(refusal, head, address, now)
        except ControlIdReused:
            return self._refused(CONTROL_ID_REUSED, head, address, now)
        except StoreError as error:
            log.error("hl7_not_stored", reason=str(error), address=address)
            return acknowledgements(head, Verdict(fault=NOT_STORED), now)
        except Exception as error:  # noqa: BLE001  # a defect of ours is answered and logged too
            last = traceback.extract_tb(error.__traceback__)[-1]
            log.error(
                "hl7_failed",
                address=address,
                error=type(error).__name__,
                where=f"{last.name}:{last.lineno}",
            )
            return acknowledgements(head, Verdict(fault=FAILED), now)

    def _taken(self, data: bytes, head: Message, address: str, now: datetime) -> bytes:
        message = read_message(data, default_character_set=self._default_character_set)
        changes = changes_of(message, defaults=self._defaults, now=now)
        identity = OrderMessage(
            sending_application=message.msh.text(3),
            sending_facility=message.msh.text(4),
            control_id=message.msh.text(10),
            message_type=f"{message.type}^{message.event}",
            received_at=now,
            sha256=content_hash(data),
        )
        answer = acknowledgements(head, Verdict(), now)
        applied = self._apply(identity, changes, answer)
        self._on_applied(identity, changes, address)
        log.info(
            "hl7_taken",
            address=address,
            **_named(head),
            again=applied.again,
            placed=applied.placed,
            withdrawn=applied.withdrawn,
        )
        if applied.exams_to_correct:
            log.warning(
                "patient_merged",
                exams=list(applied.exams_to_correct),
                alarm=True,
                remedy="Correct these exams: their images are under the number that was given up.",
            )
        return applied.acknowledgement

    def _refused(
        self, fault: Hl7Refused, head: Message | None, address: str, now: datetime
    ) -> bytes:
        verdict = Verdict(fault=fault)
        log.warning(
            "hl7_refused",
            address=address,
            **_named(head),
            acknowledgement=verdict.code,
            error_code=fault.code,
            segment=fault.segment,
            field=fault.field,
            reason=str(fault),
        )
        return acknowledgements(head, verdict, now)


def content_hash(data: bytes) -> str:
    """SHA-256, hex, of what a message says: a repetition may have another time in its MSH."""
    lines = [line for line in data.replace(b"\n", b"\r").split(b"\r") if line]
    return hashlib.sha256(b"\r".join(lines[1:])).hexdigest()


def _named(head: Message | None) -> dict[str, str]:
    """What the log says of a message: sender and type; nothing where it has no head."""
    if head is None:
        return {}
    msh = head.msh
    return {
        "sending_application": clean(msh.text(3), _LONGEST_NAME),
        "sending_facility": clean(msh.text(4), _LONGEST_NAME),
        "message_type": clean(f"{msh.text(9, 1)}^{msh.text(9, 2)}", _LONGEST_NAME),
    }
