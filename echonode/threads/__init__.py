"""Threads that repeat a step, for every part that has one; and how a lack of threads shows.

Here: starting, waiting, waking and stopping.
Not here: what a step does.
"""
