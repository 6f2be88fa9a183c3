"""Executes the claims on copies and on the audit trail, by the commands of the running node."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from pydicom import dcmread
from pydicom.uid import UID

from echonode.monitoring.conformance.claim import Claim
from tests.integration.conformance.site import Site


def _study(site: Site) -> str:
    return str(site.counterpart.received("ORTHANC", site.still).StudyInstanceUID)


def media(site: Site, claim: Claim) -> None:
    """The exam as a medium of the profile: a DICOMDIR, and objects in a syntax that it keeps."""
    with TemporaryDirectory() as folder:
        target = Path(folder) / "medium"
        done = site.node.command(
            "export", "--study", _study(site), "--media", str(target), "--profile", claim.subject
        )
        assert done.returncode == 0, done.stderr
        directory = dcmread(target / "DICOMDIR")
        files = [
            target.joinpath(*record.ReferencedFileID)
            for record in directory.DirectoryRecordSequence
            if "ReferencedFileID" in record
        ]
        assert len(files) >= 2
        names = {UID(dcmread(file).file_meta.TransferSyntaxUID).name for file in files}
        assert names <= set(claim.values[1].split(", "))


def confidentiality(site: Site, claim: Claim) -> None:
    """A copy says that the patient is removed, and has another name."""
    with TemporaryDirectory() as folder:
        target = Path(folder) / "medium"
        done = site.node.command(
            *("export", "--study", _study(site), "--media", str(target)),
            *("--anonymise", claim.values[0], "--looked-at"),
        )
        assert done.returncode == 0, done.stderr
        records = dcmread(target / "DICOMDIR").DirectoryRecordSequence
        copied = [
            dcmread(target.joinpath(*each.ReferencedFileID))
            for each in records
            if "ReferencedFileID" in each
        ]
    assert copied
    for image in copied:
        assert image.PatientIdentityRemoved == "YES"
        assert "Yamada" not in str(image.PatientName)


def audit(site: Site, claim: Claim) -> None:
    """The trail has records of this run, and its chain is whole."""
    assert "PS3.15 A.5" in claim.values[0]
    found = site.node.command("audit", "search", "--json")
    assert found.returncode == 0, found.stderr
    assert json.loads(found.stdout.splitlines()[0] if found.stdout[:1] == "{" else found.stdout)
    whole = site.node.command("audit", "verify")
    assert whole.returncode == 0, whole.stdout + whole.stderr
