"""Instances in object storage (S3) in the place of files on the local disk, by obstore.

Here: the requests and what their answers mean, the cache on this machine, the look at the server.
Not here: rows, and when an instance counts as stored (ingest/).
"""
