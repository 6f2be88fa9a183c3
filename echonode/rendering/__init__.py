"""Pictures of stored instances for people: thumbnails, drawn when asked for.

Here: one frame of a file as a picture that a browser shows.
Not here: re-encoding for archives and viewers (transcoding/).
"""
