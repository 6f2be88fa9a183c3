"""Executes the claims on copies and on the audit trail, by the commands of the running node."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from pydicom import dcmread
from pydicom.uid import UID

from echonode.at_rest.file_format import CHUNK
from echonode.at_rest.reading import head_of_file
from echonode.monitoring.conformance.claim import Claim
from tests.integration.conformance.site import Site
from tests.support.audit_schema import checked
from tests.support.waiting import wait_until


def at_rest(site: Site, claim: Claim) -> None:
    """No UID of the exam is in the raw bytes of these files, and each begins as the form does."""
    data_dir = site.node.data_dir
    if claim.subject == "files":
        files = sorted(data_dir.glob("instances/*/*/*.dcm"))
        assert f"chunks of {CHUNK // 1024} KiB" in claim.values[1]
        heads = [head_of_file(path) for path in files]
        assert {head.chunk if head else 0 for head in heads} == {CHUNK}
        assert len({head.fixed for head in heads if head}) == len(files)
    else:
        files = [data_dir / "index.sqlite", data_dir / "audit" / "audit.sqlite"]
        files += [path for path in map(_log_of, files) if path.exists()]
        assert "SQLCipher" in claim.values[1]
    assert files
    for path in files:
        content = path.read_bytes()
        assert not content.startswith(b"SQLite format 3")
        assert site.still.encode() not in content


def _log_of(database: Path) -> Path:
    return database.with_name(f"{database.name}-wal")


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


# Of each format: the file's ending, and the bytes that it begins with.
_BEGINS = {
    "png": (".png", b"\x89PNG"),
    "jpeg": (".jpg", b"\xff\xd8\xff"),
    "mp4": (".mp4", b"ftyp"),
    "gif": (".gif", b"GIF8"),
    "apng": (".png", b"\x89PNG"),
    "webp": (".webp", b"RIFF"),
    "npz": (".npz", b"PK"),
    "nifti": (".nii.gz", b"\x1f\x8b"),
    "mha": (".mha", b"ObjectType = Image"),
    "nrrd": (".nrrd", b"NRRD"),
}
_STILLS = ("png", "jpeg")


def copy_format(site: Site, claim: Claim) -> None:
    """The still as a picture, the clip as a film or an array: files that begin as such files do."""
    name = claim.subject
    uid = site.still if name in _STILLS else site.clip
    ending, begins = _BEGINS[name]
    with TemporaryDirectory() as folder:
        target = Path(folder) / "copies"
        done = site.node.command(
            "export", "--instance", uid, "--format", name, "--out", str(target)
        )
        assert done.returncode == 0, done.stderr
        files = [path for path in target.rglob("*") if path.name.endswith(ending)]
        assert files, sorted(path.name for path in target.rglob("*"))
        for path in files:
            head = path.read_bytes()[:64]
            assert head.startswith(begins) or (name == "mp4" and head[4:8] == begins), head


def audit(site: Site, claim: Claim) -> None:
    """The trail has records of this run, and its chain is whole; where they are sent, they come."""
    if claim.subject.startswith("transmission-"):
        _transmitted(site, claim)
    else:
        _recorded(site, claim)


def _transmitted(site: Site, claim: Claim) -> None:
    """A record of this run is at the receiver, valid by the standard's schema."""
    wait_until(lambda: bool(site.receiver.messages), timeout_s=30, what="an audit record")
    message = site.receiver.messages[0]
    checked(message["message"].removeprefix("\ufeff").encode())
    assert message["msgid"] in claim.values[1]
    assert ("TLS" in claim.values[0]) == (site.config.audit.transport == "tls")


def _recorded(site: Site, claim: Claim) -> None:
    assert "PS3.15 A.5" in claim.values[0]
    found = site.node.command("audit", "search", "--json")
    assert found.returncode == 0, found.stderr
    assert json.loads(found.stdout.splitlines()[0] if found.stdout[:1] == "{" else found.stdout)
    whole = site.node.command("audit", "verify")
    assert whole.returncode == 0, whole.stdout + whole.stderr
