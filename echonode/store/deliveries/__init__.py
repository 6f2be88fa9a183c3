"""Deliveries as rows: claimed, sent, committed, held; the ledger.

Here: each change of state in one transaction.
Not here: when to send and what an answer means (delivery/).
"""
