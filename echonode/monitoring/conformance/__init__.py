"""The DICOM conformance statement (PS3.2 annex N) of a configuration, by the code's own tables.

Here: the claims, one row of data each, and the documents that are made of them.
Not here: what is claimed (dimse/, query_retrieve/, delivery/, exam/, objects/, dicomweb/).
"""
