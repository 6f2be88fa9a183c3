"""One patient's data as a whole: all that is held, and its removal (GDPR articles 15 and 17).

Here: which rows and files are a patient's, and their erasure in steps that survive a kill.
Not here: whose an image is (store/index/), and the audit trail, which erases by itself (audit/).
"""
