"""From a written file to a durable instance: compared, inserted, or quarantined.

Here: the numbered steps of a commit.
Not here: where the bytes come from.
"""
