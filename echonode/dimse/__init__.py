"""DICOM network mechanics on pynetdicom: associations, messages and streams, and no workflow.

Here: acceptor and requestor, contexts and limits; folders for each layer.
Not here: what a service does (intake/, query_retrieve/, commitment/).
"""
