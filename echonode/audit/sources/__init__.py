"""Where events come from: the node's own callables, wrapped so that what they did is recorded.

Here: accesses over HTTP, services of peers, deliveries, refused callers, orders, changed settings.
Not here: the threads that write and send the records (audit/recorder.py, audit/syslog/).
"""
