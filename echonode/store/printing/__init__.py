"""The queue of print jobs.

Here: jobs added, taken, and what became of them.
Not here: the conversation with a printer (delivery/printing/).
"""
