"""The parts of Orthanc's REST interface that tests and benchmarks use, on urllib alone."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any, Final

TIMEOUT_S: Final = 120.0


class RestError(Exception):
    """Orthanc answered an HTTP error; `status` is its code."""

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


class OrthancRest:
    """A client of one Orthanc. Identifiers called `orthanc_id` are Orthanc's own hashes."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url.rstrip("/")

    # --- transport ---

    def get(self, path: str) -> Any:
        """The decoded JSON answer of GET `path`."""
        return json.loads(self._request("GET", path))

    def get_bytes(self, path: str) -> bytes:
        return self._request("GET", path)

    def post(self, path: str, body: object) -> Any:
        """POST `body` (bytes as they are, anything else as JSON); the decoded answer, or None."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        answer = self._request("POST", path, data)
        return json.loads(answer) if answer.strip() else None

    def put(self, path: str, body: object) -> None:
        self._request("PUT", path, json.dumps(body).encode())

    def delete(self, path: str) -> None:
        self._request("DELETE", path)

    def _request(self, method: str, path: str, data: bytes | None = None) -> bytes:
        request = urllib.request.Request(f"{self.base_url}{path}", data=data, method=method)
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
                body: bytes = answer.read()
                return body
        except urllib.error.HTTPError as error:
            detail = error.read().decode(errors="replace")
            raise RestError(f"{method} {path}: {error.code} {detail}", status=error.code) from None

    # --- what it holds ---

    def instances(self) -> list[str]:
        """The orthanc_id of every instance."""
        found: list[str] = self.get("/instances")
        return found

    def instance_count(self) -> int:
        return int(self.statistics()["CountInstances"])

    def statistics(self) -> dict[str, Any]:
        found: dict[str, Any] = self.get("/statistics")
        return found

    def changes(self, *, since: int = 0, limit: int = 1000) -> list[dict[str, Any]]:
        """Orthanc's change log after sequence number `since`."""
        found: list[dict[str, Any]] = self.get(f"/changes?since={since}&limit={limit}")["Changes"]
        return found

    def lookup(self, uid: str) -> list[str]:
        """The orthanc_id of each resource that has this DICOM UID (or Patient ID)."""
        return [found["ID"] for found in self.post("/tools/lookup", uid.encode())]

    def sop_instance_uids(self) -> set[str]:
        """The SOP Instance UID of every instance held."""
        found = self.get("/instances?expand")
        return {instance["MainDicomTags"]["SOPInstanceUID"] for instance in found}

    def tags(self, orthanc_id: str) -> dict[str, Any]:
        """An instance's attributes, keyword to value."""
        found: dict[str, Any] = self.get(f"/instances/{orthanc_id}/simplified-tags")
        return found

    def file(self, orthanc_id: str) -> bytes:
        """An instance's Part 10 bytes."""
        return self.get_bytes(f"/instances/{orthanc_id}/file")

    def find(self, level: str, query: Mapping[str, str]) -> list[dict[str, Any]]:
        """Orthanc's own search; `level` is Patient, Study, Series or Instance."""
        body = {"Level": level, "Query": dict(query), "Expand": True}
        found: list[dict[str, Any]] = self.post("/tools/find", body)
        return found

    def upload(self, part10: bytes) -> str:
        """Store an instance over HTTP; its orthanc_id."""
        return str(self.post("/instances", part10)["ID"])

    def delete_instance(self, orthanc_id: str) -> None:
        self.delete(f"/instances/{orthanc_id}")

    def delete_everything(self) -> None:
        for patient in self.get("/patients"):
            self.delete(f"/patients/{patient}")

    # --- as an SCU towards one of its modalities ---

    def set_modality(self, name: str, ae_title: str, host: str, port: int) -> None:
        """Make a peer known, or change it, while Orthanc runs."""
        self.put(f"/modalities/{name}", modality_settings(ae_title, host, port))

    def echo(self, modality: str) -> bool:
        """C-ECHO; False when the peer did not answer success."""
        try:
            self.post(f"/modalities/{modality}/echo", {})
        except RestError:
            return False
        return True

    def store(self, modality: str, orthanc_ids: Sequence[str]) -> dict[str, Any]:
        """C-STORE held resources to the peer. Raises RestError when one is not taken."""
        body = {"Resources": list(orthanc_ids), "Synchronous": True}
        found: dict[str, Any] = self.post(f"/modalities/{modality}/store", body)
        return found

    def query(
        self, modality: str, level: str, query: Mapping[str, str]
    ) -> tuple[str, list[dict[str, Any]]]:
        """C-FIND (Study Root); the query's identifier, for `retrieve`, and the answers."""
        made = self.post(f"/modalities/{modality}/query", {"Level": level, "Query": dict(query)})
        answers = self.get(f"/queries/{made['ID']}/answers?expand&simplify")
        return str(made["ID"]), answers

    def retrieve(self, query_id: str, target_ae_title: str) -> dict[str, Any]:
        """C-MOVE every answer of a query to an AE title that the peer knows."""
        body = {"TargetAet": target_ae_title, "Synchronous": True}
        found: dict[str, Any] = self.post(f"/queries/{query_id}/retrieve", body)
        return found

    def request_commitment(self, modality: str, instances: Sequence[tuple[str, str]]) -> str:
        """N-ACTION for (SOP Class UID, SOP Instance UID) pairs; Orthanc's Transaction UID."""
        pairs = [{"SOPClassUID": class_uid, "SOPInstanceUID": uid} for class_uid, uid in instances]
        made = self.post(f"/modalities/{modality}/storage-commitment", {"DicomInstances": pairs})
        return str(made["ID"])

    def commitment_report(self, transaction_uid: str) -> dict[str, Any]:
        """What the peer has reported: `Status` is Pending, Success or Failure."""
        found: dict[str, Any] = self.get(f"/storage-commitment/{transaction_uid}")
        return found


def modality_settings(ae_title: str, host: str, port: int) -> dict[str, Any]:
    """A peer as Orthanc's configuration and REST interface write it, everything permitted."""
    return {
        "AET": ae_title,
        "Host": host,
        "Port": port,
        "AllowEcho": True,
        "AllowFind": True,
        "AllowGet": True,
        "AllowMove": True,
        "AllowStore": True,
        "AllowStorageCommitment": True,
        "AllowTranscoding": True,
    }
