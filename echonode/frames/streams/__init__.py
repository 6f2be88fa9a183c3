"""Protocols: bytes of one connection in, frames out; the table of protocols.

Here: one module for each form of stream, without I/O.
Not here: sockets (probe/link/), pixels (imaging/).
"""
