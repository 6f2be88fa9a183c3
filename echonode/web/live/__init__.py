"""Live pictures over HTTP: WebSocket, multipart stream, links for a second pair of eyes.

Here: viewers and their limits, the form of the messages, the routes.
Not here: how pictures are made (frames/live), stills and freezes (web/exams.py).
"""
