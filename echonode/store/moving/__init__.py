"""A whole store moved to another place: rows to another engine, files to or from object storage.

Here: what is copied, in which order, and how it is compared.
Not here: copies that are kept for a machine that dies (backup/).
"""
