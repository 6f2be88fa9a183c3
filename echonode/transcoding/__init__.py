"""A stored dataset in another transfer syntax (PS3.5 annex A).

Here: headers, fragments, codecs, the processes that codecs run in, and thumbnails.
Not here: which syntax a peer takes (delivery/, query_retrieve/).
"""
