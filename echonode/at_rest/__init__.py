"""Files at rest: plain, or sealed in AES-256-GCM chunks; and where the master key comes from.

Here: the form of a sealed file, reading and writing it, and the keys.
Not here: which files there are, and the database (store/).
"""
