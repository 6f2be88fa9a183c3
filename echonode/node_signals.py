"""`echonode run`: the node's life by the process's signals."""

from __future__ import annotations

import signal
import threading

from echonode.config import Config
from echonode.errors import UsageError
from echonode.freed_memory import give_back_freed_memory
from echonode.node import Node


def run_until_signalled(config: Config) -> None:
    """`echonode run`: a node until SIGTERM or SIGINT; a second signal ends it at once.

    Raises EchoNodeError where it cannot start.
    """
    give_back_freed_memory()
    signalled = threading.Event()

    def on_signal(number: int, _frame: object) -> None:
        if signalled.is_set():
            # The operator insists. What is durable stays so: that is what the store is for.
            raise SystemExit(128 + number)
        signalled.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, on_signal)
    node = Node(config)
    try:
        node.start()
    except OSError as error:
        raise UsageError(f"cannot listen: {error}") from error
    signalled.wait()
    node.stop()
