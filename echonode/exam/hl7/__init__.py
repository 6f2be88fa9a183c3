"""HL7 v2 over MLLP: what a RIS or HIS says of orders becomes the worklist; reports go back to it.

Here: the block format, messages, the mapping to DICOM, acknowledgements, the listener; results.
Not here: the tables (store/), how the worklist is served to modalities (exam/worklist_scp.py).
"""
