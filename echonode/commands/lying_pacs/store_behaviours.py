"""What an archive answers to C-STORE: refusals, silence, lies, and ends in the middle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from echonode.commands.lying_pacs.behaviour import (
    SOME,
    STATUS,
    Behaviour,
    Parameter,
    Values,
    an_hour,
    when,
)
from echonode.commands.lying_pacs.conduct import Conduct, StoreChange
from echonode.commands.lying_pacs.script import Break, StoreAnswer

WARNING_COERCED, CANNOT_UNDERSTAND = 0xB000, 0xC000
_BYTES = Parameter(name="bytes", sentence="Bytes of the dataset that are read.", default=1024)


def _store(
    name: str,
    sentence: str,
    change: Callable[[StoreAnswer, Values], StoreAnswer],
    *parameters: Parameter,
    some: tuple[Parameter, ...] = SOME,
) -> Behaviour:
    def add(conduct: Conduct, values: Values) -> Conduct:
        each = StoreChange(when=when(values), change=lambda given: change(given, values))
        return replace(conduct, stores=(*conduct.stores, each))

    return Behaviour(
        name=name, service="storage", sentence=sentence, change=add, parameters=(*parameters, *some)
    )


STORE_BEHAVIOURS = (
    _store(
        "out-of-resources",
        "Refuses instances with A700 for an hour, then stores them.",
        lambda given, values: replace(given, status=int(values["status"]), keeps=False),
        STATUS,
        some=an_hour(SOME),
    ),
    _store(
        "refuses",
        "Refuses instances with a status, without a limit in time.",
        lambda given, values: replace(given, status=int(values["status"]), keeps=False),
        replace(STATUS, default=CANNOT_UNDERSTAND),
    ),
    _store(
        "warns",
        "Stores instances and answers a warning.",
        lambda given, values: replace(given, status=int(values["status"])),
        replace(STATUS, default=WARNING_COERCED),
    ),
    _store(
        "forgets",
        "Answers success and keeps nothing; a commitment request then fails with 0112.",
        lambda given, values: replace(given, keeps=False),
    ),
    _store(
        "never-answers",
        "Stores instances and never answers the C-STORE.",
        lambda given, values: replace(given, status=None),
    ),
    _store(
        "slow",
        "Stores instances and answers the C-STORE late.",
        lambda given, values: replace(given, delay_s=float(values["after"])),
        Parameter(name="after", sentence="Seconds before the answer.", default=10.0),
    ),
    _store(
        "wrong-message-id",
        "Stores instances and answers with the Message ID of another request.",
        lambda given, values: replace(given, message_id_added=1),
    ),
    _store(
        "stops-reading",
        "Stops reading in the middle of a dataset, and keeps the connection open.",
        lambda given, values: replace(
            given, reads=int(values["bytes"]), then=Break.DEAF, keeps=False
        ),
        _BYTES,
    ),
    _store(
        "aborts",
        "Sends A-ABORT in the middle of a dataset.",
        lambda given, values: replace(
            given, reads=int(values["bytes"]), then=Break.ABORT, keeps=False
        ),
        _BYTES,
    ),
    _store(
        "resets",
        "Resets the connection in the middle of a dataset.",
        lambda given, values: replace(
            given, reads=int(values["bytes"]), then=Break.RESET, keeps=False
        ),
        _BYTES,
    ),
    _store(
        "stores-and-aborts",
        "Stores instances and sends A-ABORT in place of the answer.",
        lambda given, values: replace(given, status=None, then=Break.ABORT),
    ),
    _store(
        "half-an-answer",
        "Stores instances, sends half of the answer and resets the connection.",
        lambda given, values: replace(given, answer_bytes=40, then=Break.RESET),
    ),
)
