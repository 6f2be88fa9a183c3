"""What an archive does to associations: rejects, refuses contexts, never answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from echonode.commands.lying_pacs import association_wire, script, wire
from echonode.commands.lying_pacs.behaviour import SOME, Behaviour, Parameter, Values, simple, when
from echonode.commands.lying_pacs.commitment_wire import COMMITMENT
from echonode.commands.lying_pacs.conduct import Conduct, GreetingChange
from echonode.commands.lying_pacs.script import Break, Greeting


def _greeting(
    name: str,
    sentence: str,
    change: Callable[[Greeting, Values], Greeting],
    *parameters: Parameter,
) -> Behaviour:
    def add(conduct: Conduct, values: Values) -> Conduct:
        each = GreetingChange(when=when(values), change=lambda given: change(given, values))
        return replace(conduct, greetings=(*conduct.greetings, each))

    return Behaviour(
        name=name,
        service="association",
        sentence=sentence,
        change=add,
        parameters=(*parameters, *SOME),
    )


def _contexts(
    name: str, sentence: str, accepts: Callable[[Values], script.Accepts], *parameters: Parameter
) -> Behaviour:
    return Behaviour(
        name=name,
        service="association",
        sentence=sentence,
        change=lambda conduct, values: replace(
            conduct, accepts=(*conduct.accepts, accepts(values))
        ),
        parameters=parameters,
    )


def _refuses_contexts(values: Values) -> script.Accepts:
    refused = str(values["class"])
    if refused:
        return script.without_class(refused)
    kept = (wire.VERIFICATION, COMMITMENT)
    return lambda abstract, syntax: (
        association_wire.ACCEPTED if abstract in kept else association_wire.CLASS_REFUSED
    )


ASSOCIATION_BEHAVIOURS = (
    Behaviour(
        name="honest",
        service="association",
        sentence="Stores all instances, and commits to those that it has.",
        change=lambda conduct, values: conduct,
    ),
    _greeting(
        "rejects-associations",
        "Rejects associations: local limit exceeded, transient (2, 3, 2).",
        lambda given, values: replace(given, rejected=(2, 3, 2)),
    ),
    _greeting(
        "rejects-ae-title",
        "Rejects associations: calling AE title not recognised, permanent (1, 1, 3).",
        lambda given, values: replace(given, rejected=(1, 1, 3)),
    ),
    _greeting(
        "never-accepts",
        "Takes the connection and never answers the association request.",
        lambda given, values: replace(given, silent=True),
    ),
    _greeting(
        "hangs-up",
        "Resets the connection in place of an answer to the association request.",
        lambda given, values: replace(given, then=Break.RESET),
    ),
    _greeting(
        "small-pdus",
        "Accepts only small PDUs, and reports each longer one.",
        lambda given, values: replace(given, maximum_pdu=int(values["bytes"])),
        Parameter(
            name="bytes", sentence="The longest PDU that it accepts.", default=4096, least=1024
        ),
    ),
    _contexts(
        "refuses-contexts",
        "Refuses the presentation contexts of one SOP class, or of all storage classes.",
        _refuses_contexts,
        Parameter(name="class", sentence="A SOP Class UID; none for all.", default=""),
    ),
    _contexts(
        "refuses-commitment",
        "Refuses the presentation context of storage commitment.",
        lambda values: script.without_class(COMMITMENT),
    ),
    _contexts(
        "implicit-only",
        "Accepts no transfer syntax but Implicit VR Little Endian.",
        lambda values: script.implicit_only,
    ),
    simple(
        "association",
        "never-releases",
        "Never answers a release request, and keeps the connection open.",
        lambda conduct, values: replace(conduct, releases=False),
    ),
)
