"""Alarms that go out: by webhook and by mail, so often and no more, and without a patient.

Here: what is sent when, the ways it goes, and the thread that tries until it is there.
Not here: what an alarm is (monitoring/alarms.py), and the log, which has each (maintenance/).
"""
