"""Failures of the database that both engines have, as the store's errors."""

from __future__ import annotations

from echonode.errors import OutOfSpace


class CommitUncertain(OutOfSpace):
    """The disk or the server failed within a COMMIT: only a later look shows if its rows exist."""


class Contended(OutOfSpace):
    """Another node changed the same rows at the same moment; the transaction was undone."""
