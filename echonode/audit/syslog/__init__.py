"""Records on their way to an audit record repository: RFC 5424 by TLS (RFC 5425) or UDP (RFC 5426).

Here: the message's head, the framing, the connection, and the thread that sends what waits.
Not here: the XML of an event (audit/xml.py), and the records themselves (audit/trail/).
"""
