"""What is kept, looked at again by a person: found, described, measured.

Here: the search over studies, an image's description for a viewer, measurements.
Not here: pictures of frames (transcoding/), queries of other systems (query_retrieve/), the routes
(web/).
"""
