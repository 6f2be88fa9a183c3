"""OpenIGTLink 1 to 3: messages from and to bytes; no I/O.

Here: header, IMAGE, COMMAND, TRACKEDFRAME and the fields of PLUS.
Not here: what a message makes the node do (frames/streams/).
"""
