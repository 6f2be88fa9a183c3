"""`echonode run`: the node's life by the process's signals.

Rules
- A signal is awaited by reading a pipe that the system's own handler writes to. An Event cannot be
  awaited here: a signal that comes in the moment before the wait begins does not end it (Python
  runs handlers between bytecodes, and none follows), and one that comes within the wait's lock
  would never get that lock. Seen: one SIGTERM in a hundred, just after the start, was lost.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from echonode.commands.malloc import give_back_freed_memory
from echonode.config import Config
from echonode.errors import OutOfResources, UsageError
from echonode.node.node import Node
from echonode.node.process_limits import forbid_core_dumps, raise_descriptor_limit
from echonode.node.unhandled_errors import log_unhandled_errors
from echonode.threads import is_shortage

# Whatever the process makes, SQLite's files included, holds patients' data: for its user alone.
_NO_NAME_ELSE = 0o077


@contextmanager
def stop_signals() -> Iterator[Callable[[], None]]:
    """From here on SIGTERM and SIGINT are taken; yields what returns once the first has come.

    The second ends the process at once. For the main thread.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)  # set_wakeup_fd demands it
    signal.set_wakeup_fd(writing)
    received = 0

    def on_signal(number: int, _frame: object) -> None:
        nonlocal received
        received += 1
        if received > 1:
            # The operator insists. What is durable stays so: that is what the store is for.
            raise SystemExit(128 + number)

    def wait() -> None:
        while not received:
            os.read(reading, 1)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, on_signal)
    try:
        yield wait
    finally:
        signal.set_wakeup_fd(-1)
        os.close(reading)
        os.close(writing)


def run_until_signalled(config: Config) -> None:
    """`echonode run`: a node until SIGTERM or SIGINT; a second signal ends it at once.

    Raises EchoNodeError where it cannot start.
    """
    with stop_signals() as wait:
        os.umask(_NO_NAME_ELSE)
        give_back_freed_memory()
        log_unhandled_errors()
        raise_descriptor_limit()
        if not config.process.core_dumps:
            forbid_core_dumps()
        node = _started(config)
        wait()
        node.stop()


def _started(config: Config) -> Node:
    """A node that serves. Raises EchoNodeError where it cannot; nothing of it runs then."""
    try:
        node = Node(config)
        try:
            node.start()
        except OSError as error:
            if is_shortage(error):
                raise
            raise UsageError(f"cannot listen on {_placed(config, error)}") from error
    except (MemoryError, RuntimeError, OSError) as error:
        if is_shortage(error):
            raise OutOfResources from error
        raise
    return node


def _placed(config: Config, error: OSError) -> str:
    """The address that could not be bound, and the key of the configuration that names it."""
    told = error.strerror or str(error)
    named = [
        (f"listen[{index}].port", f"{at.host}:{at.port}") for index, at in enumerate(config.listen)
    ]
    if config.web:
        named.append(("web.port", f"web {config.web.host}:{config.web.port}"))
    named += [
        (f"probes[{index}].listen", probe.listen)
        for index, probe in enumerate(config.probes)
        if probe.listen
    ]
    keys = [key for key, address in named if told.startswith(f"{address}: ")]
    return f"{told} ({keys[0]})" if keys else told
