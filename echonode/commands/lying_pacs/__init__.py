"""`echonode lying-pacs`: an archive that misbehaves on purpose, for tests of DICOM senders.

Here: an archive on plain sockets that follows a script, the behaviours by name, and the command.
Our own tests of faults drive the same archive as a library.
Not here: anything of the node. No other part of EchoNode is imported but its errors, so that what
judges the node shares no code with it.
"""
