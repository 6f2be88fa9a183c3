"""HL7 v2 over MLLP: what a RIS or HIS says of patients and orders becomes the worklist.

Here: the block format, messages, the mapping to DICOM, acknowledgements, the listener.
Not here: the tables (store/), how the worklist is served to modalities (exam/worklist_scp.py).
"""
