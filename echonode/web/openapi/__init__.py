"""The HTTP API described for machines (OpenAPI 3.1).

Here: an operation for each route that speaks JSON, by what it is about; the document of them all.
Not here: the page, the health checks and the metrics, which are not of JSON.
"""
