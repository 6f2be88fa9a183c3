"""What the node says of itself: status, alarms, metrics, the ledger as plain rows.

Here: conclusions from what the parts report.
Not here: HTTP (web/), and the parts' own counters.
"""
