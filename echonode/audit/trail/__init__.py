"""The records on the disk: appended, chained, searched, verified, and kept for as long as they are.

Here: audit.sqlite, its chain of hashes and its checkpoint, and the folder of records to take in.
Not here: what is worth a record (audit/sources/), and how records reach a receiver (audit/syslog/).
"""
