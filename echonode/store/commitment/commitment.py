"""The store's part for storage commitment (PS3.4 annex J), in both roles."""

from __future__ import annotations

from dataclasses import dataclass

from echonode.store.commitment.inbound import InboundCommitments
from echonode.store.commitment.reports import Reports
from echonode.store.commitment.transactions import Transactions


@dataclass(frozen=True, kw_only=True)
class Commitment:
    """transactions, reports: where we ask an archive. inbound: where a peer asks us."""

    transactions: Transactions
    reports: Reports
    inbound: InboundCommitments
