"""Bytes of an association: TCP, TLS and PDUs (PS3.8 9.3).

Here: what knows no message: sockets, PDU streams, threads' start and wake-up.
Not here: messages, and who may call.
"""
