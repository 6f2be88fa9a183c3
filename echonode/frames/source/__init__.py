"""One probe from its socket or file to finished acquisitions: threads, counters, the log of drops.

Here: what starts and stops; the player of recordings.
Not here: what a protocol's bytes mean (streams/).
"""
