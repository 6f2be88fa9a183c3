"""Our worklist for other modalities, and the procedure steps that they report on it.

Here: the Modality Worklist SCP and the Performed Procedure Step SCP (PS3.4 annexes K and F).
Not here: how items come to be (exam/hl7/), asking a RIS (exam/worklist/).
"""
