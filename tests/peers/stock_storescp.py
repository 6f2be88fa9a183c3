"""A plain pynetdicom 3.0.4 storage SCP: `python -m tests.peers.stock_storescp PORT FOLDER`.

Nothing of EchoNode is in it. It writes each dataset the fastest way that pynetdicom's own
documentation shows (the encoded bytes, without decoding), and answers before anything is
synchronised to the disk.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from pydicom.filebase import DicomFileLike
from pydicom.filewriter import write_file_meta_info
from pydicom.uid import UID
from pynetdicom import AE, ALL_TRANSFER_SYNTAXES, AllStoragePresentationContexts, evt

MAXIMUM_ASSOCIATIONS = 200


def write_instance(event: Any, folder: Path) -> int:
    """Write the received bytes as a Part 10 file; the C-STORE status."""
    name = UID(event.request.AffectedSOPInstanceUID)
    with (folder / f"{name}.dcm").open("wb") as file:
        file.write(b"\x00" * 128 + b"DICM")
        write_file_meta_info(DicomFileLike(file), event.file_meta)
        file.write(event.request.DataSet.getvalue())
    return 0x0000


def main() -> None:
    """Serve until SIGTERM."""
    port, folder = int(sys.argv[1]), Path(sys.argv[2])
    ae = AE(ae_title="STOCK")
    ae.maximum_associations = MAXIMUM_ASSOCIATIONS
    ae.maximum_pdu_size = 131_072
    ae.network_timeout = None
    for context in AllStoragePresentationContexts:
        assert context.abstract_syntax is not None
        ae.add_supported_context(context.abstract_syntax, ALL_TRANSFER_SYNTAXES)
    ae.add_supported_context("1.2.840.10008.1.1")  # Verification
    ae.start_server(
        ("127.0.0.1", port), block=True, evt_handlers=[(evt.EVT_C_STORE, write_instance, [folder])]
    )


if __name__ == "__main__":
    main()
