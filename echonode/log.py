"""Lines on stdout, JSON for a collector: an event name plus keys, and never patient data.

Callers log UIDs, AE titles, states and counts. As a second guard, keys that could only hold
patient data are dropped here, and any other text has its control characters escaped, so that no
value from the wire can forge a line or drive a terminal (JSON already escapes them; the `console`
format does not). Of an exception its class and the lines of code are logged, and not its text:
pydicom and others quote the value that they object to. So of what libraries say by the standard
library's logging, which would go to stderr as it is: SQLAlchemy's with a traceback and its texts.
"""

from __future__ import annotations

import logging
import sys
import traceback
import warnings
from collections.abc import Iterator, MutableMapping, Sequence
from types import TracebackType
from typing import Any, cast

import structlog

_NEVER = frozenset(
    {
        "patient",
        "patient_id",
        "patient_name",
        "patient_birth_date",
        "patient_sex",
        "identifier",
        "dataset",
    }
)


def _redact(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Drop the keys that would carry patient data; escape what a terminal would act on."""
    for key in _NEVER & event.keys():
        del event[key]
    for key, value in event.items():
        if isinstance(value, str) and not value.isprintable():
            event[key] = value.encode("unicode_escape").decode("ascii")
    return event


def _without_text(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """`exc_info` becomes `exception`: the traceback with the classes, without the texts."""
    exc_info = event.pop("exc_info", None)
    error = exc_info if isinstance(exc_info, BaseException) else sys.exception()
    if exc_info and error is not None:
        event["exception"] = "".join(_frames(error))
    return event


def _frames(error: BaseException) -> Iterator[str]:
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        yield from _frames(cause)
        yield "\n"
    yield "Traceback (most recent call last):\n"
    trace: TracebackType | None = error.__traceback__
    yield from traceback.format_tb(trace)
    yield type(error).__name__


def _or_dropped(processors: Sequence[structlog.types.Processor]) -> structlog.types.Processor:
    """All of them as one; where there is no memory for it the line is dropped.

    Threads log what ended their work, and go on: that must not be what ends them.
    """

    def process(logger: Any, method: str, event: structlog.types.EventDict) -> Any:
        line: Any = event
        try:
            for processor in processors:
                line = processor(logger, method, line)
        except MemoryError:
            raise structlog.DropEvent from None
        return line

    return process


class _FromLibraries(logging.Handler):
    """What a library warns of is a line of ours: which one and where, and not its text."""

    def emit(self, record: logging.LogRecord) -> None:
        """See logging.Handler."""
        log = get_logger(__name__)
        error = record.exc_info[0] if record.exc_info else None
        log.warning(
            "library_warned",
            library=record.name,
            place=f"{record.filename}:{record.lineno}",
            error=error.__name__ if error else None,
        )


def _listen_to_libraries() -> None:
    root = logging.getLogger()
    for handler in [each for each in root.handlers if isinstance(each, _FromLibraries)]:
        root.removeHandler(handler)
    root.addHandler(_FromLibraries(logging.WARNING))


# What a person looks for first, in a line that a program reads.
_FIRST = ("timestamp", "level", "event")


def _in_order(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """When, how bad and what before the details; the module of our code last."""
    ordered = {key: event[key] for key in _FIRST if key in event}
    ordered |= {key: value for key, value in event.items() if key != "module"}
    if "module" in event:
        ordered["module"] = event["module"]
    return ordered


def _without_module(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """The event's name is enough for a person; the module is for who reads the code."""
    event.pop("module", None)
    return event


def _rendering(format: str) -> list[structlog.types.Processor]:
    if format == "auto":
        format = "console" if sys.stdout.isatty() else "json"
    if format == "json":
        return [_in_order, structlog.processors.JSONRenderer()]
    colours = sys.stdout.isatty()
    return [
        _without_module,
        structlog.dev.ConsoleRenderer(colors=colours, pad_event_to=24, sort_keys=False),
    ]


def configure(*, format: str = "json", level: str = "info") -> None:
    """Set up logging for the process.

    format: json, console, or auto (console on a terminal, json elsewhere). level: as in the
    configuration.
    """
    threshold = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[
            _or_dropped(
                [
                    structlog.contextvars.merge_contextvars,
                    structlog.processors.add_log_level,
                    structlog.processors.TimeStamper(fmt="iso", utc=True),
                    _without_text,
                    _redact,
                    *_rendering(format),
                ]
            )
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stdout),
        cache_logger_on_first_use=True,
    )
    # pydicom warns on stderr with the value that it does not like, which may be a patient's.
    warnings.simplefilter("ignore")
    # pynetdicom logs identifiers and raw peer text; nothing of it reaches our lines (CWE-117).
    logging.getLogger("pynetdicom").setLevel(logging.CRITICAL + 1)
    logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)
    _listen_to_libraries()


def get_logger(name: str) -> structlog.typing.FilteringBoundLogger:
    """The logger of a module: `log = get_logger(__name__)`."""
    return cast(structlog.typing.FilteringBoundLogger, structlog.get_logger(module=name))


def place_of(error: BaseException) -> str:
    """The line of code that raised it, as file:line; unlike a traceback it quotes no data."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return ""
    return f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}"
