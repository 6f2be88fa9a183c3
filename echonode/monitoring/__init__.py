"""What the node says of itself and its peers: status, alarms, metrics, conformance, preflight.

Here: conclusions from what the parts report, and the tests of each peer (preflight/).
Not here: HTTP (web/), and the parts' own counters.
"""
