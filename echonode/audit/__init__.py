"""The audit trail: who did what to whose data, kept here in a hash chain and sent to a receiver.

Here: events of PS3.15 A.5, their records in a trail of their own, and the records sent by syslog.
Not here: who may do what (access/), and the log of the node, which holds no patient data (log.py).
"""
