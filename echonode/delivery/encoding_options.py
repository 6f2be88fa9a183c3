"""In which transfer syntaxes an instance can be sent to one destination. Pure.

Order of preference: as stored; encoded without loss; Explicit VR Little Endian; Implicit VR Little
Endian; with loss, only where the destination's policy allows it. An instance that was stored with
loss is not re-encoded without loss: that would only make it larger.
"""

from __future__ import annotations

from dataclasses import dataclass

from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from echonode.model.instance import StoredInstance
from echonode.transcoding.codecs import JPEG_BASELINE, LOSSLESS_ENCODED, LOSSY
from echonode.transcoding.dataset import CONVERTED

NATIVE = (ExplicitVRLittleEndian, ImplicitVRLittleEndian)

StorageContext = tuple[str, str]  # (SOP class, transfer syntax)


@dataclass(frozen=True, kw_only=True)
class EncodingOptions:
    """What one destination allows.

    reencoding: whether instances are re-encoded at all. lossy: whether JPEG baseline is allowed, as
    a derived instance.
    """

    reencoding: bool = False
    lossy: bool = False

    def contexts_for(self, instance: StoredInstance) -> tuple[StorageContext, ...]:
        """The contexts that `instance` can be sent on, the preferred one first."""
        return self.contexts_of(instance.sop_class_uid, instance.transfer_syntax_uid)

    def contexts_of(self, sop_class_uid: str, stored_in: str) -> tuple[StorageContext, ...]:
        """The contexts of any instance of a SOP class that is stored in a transfer syntax."""
        syntaxes = [stored_in]
        if self.reencoding and stored_in in CONVERTED:
            lossless = () if stored_in in LOSSY else LOSSLESS_ENCODED
            syntaxes += [*lossless, *NATIVE, *((JPEG_BASELINE,) if self.lossy else ())]
        return tuple((sop_class_uid, syntax) for syntax in dict.fromkeys(syntaxes))
