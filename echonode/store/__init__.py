"""What survives a power cut: files, index, deliveries, transactions; `Store` opens them all.

Here: the parts put together; folders for each of them.
Not here: decisions on archives and viewers.
"""
