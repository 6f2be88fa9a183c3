"""To the archives: what is sent when, what each answer means, and the proof that follows.

Here: one worker for each destination, its lanes and its decisions.
Not here: DIMSE mechanics (dimse/), durable rows (store/deliveries/).
"""
