"""DICOMweb (PS3.18): QIDO-RS, WADO-RS, WADO-URI and STOW-RS over HTTP.

Here: DICOM JSON, multipart, negotiation by Accept, and the routes of the resources.
Not here: matching (query_retrieve/), what may be retrieved (store/), the web server (web/).
"""
