"""To archives by DICOMweb: STOW-RS to store, QIDO-RS to prove, in the place of an association.

Here: the client (RFC 9112 by http.client), what each HTTP answer means, and the bodies.
Not here: when something is sent and what follows from its outcome (delivery/), our own server
(dicomweb/, web/).
"""
