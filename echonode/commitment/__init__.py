"""Storage commitment (PS3.4 annex J): asked of archives, received from them, given to others.

Here: when to ask, what each Failure Reason means.
Not here: messages (dimse/), durable rows (store/commitment/).
"""
