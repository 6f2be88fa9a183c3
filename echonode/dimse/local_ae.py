"""pynetdicom's view of ourselves."""

from __future__ import annotations

from pydicom.uid import UID
from pynetdicom.ae import ApplicationEntity

from echonode.dimse.limits import Limits
from echonode.model.identity import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME


def local_ae(ae_title: str, limits: Limits) -> ApplicationEntity:
    """An application entity with our implementation identity and the time-outs of `limits`."""
    ae = ApplicationEntity(ae_title)
    ae.implementation_class_uid = UID(IMPLEMENTATION_CLASS_UID)
    ae.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    ae.maximum_pdu_size = limits.pdu_bytes
    ae.acse_timeout = limits.acse_s
    ae.dimse_timeout = limits.dimse_s
    ae.network_timeout = limits.idle_s
    ae.connection_timeout = limits.connect_s
    # Admission counts the associations. pynetdicom's own count takes connections that have not
    # said who they are for associations, and would reject others for their sake.
    ae.maximum_associations = 2**31
    return ae
