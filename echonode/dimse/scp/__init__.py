"""Services that we are the provider of: each request to its handler, its outcome to an answer.

Here: C-ECHO, C-STORE, C-FIND, C-MOVE, C-GET, N-ACTION, N-EVENT-REPORT, N-CREATE, N-SET as SCP.
Not here: what a handler does (query_retrieve/, intake/, commitment/, exam/serving/).
"""
