"""Storage commitment as rows: what we asked for, what was reported, what peers asked of us.

Here: a report applied in one transaction.
Not here: messages (dimse/) and decisions on time (commitment/).
"""
