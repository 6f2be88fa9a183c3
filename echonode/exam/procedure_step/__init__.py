"""The performed procedure step of an exam (PS3.4 annex F), reported as service class user.

Here: what the messages say, what an answer means, the durable reporting in the background.
Not here: the step's states (model/), its rows (store/exams/), the messages on the wire (dimse/).
"""
