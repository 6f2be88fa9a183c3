"""Threads that repeat a step, for every part that has one.

Here: starting, waiting, waking and stopping.
Not here: what a step does.
"""
