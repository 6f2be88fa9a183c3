"""Associations of both roles: requested, admitted, served by one thread, ended (PS3.8 clause 7).

Here: the thread, the exchange of messages, who may have an association.
Not here: what a service does with a request (scp/).
"""
