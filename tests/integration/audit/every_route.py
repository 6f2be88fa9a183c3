"""A node with an exam, each of whose routes is called once, by a user of its own for each."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from echonode.access.passwords import hashed
from echonode.access.random_secrets import csrf_of, digest, new_session
from echonode.access.roles import Role
from echonode.access.route_table import RULES, WEBSOCKET
from echonode.dicomweb.resources import RESOURCES, SEARCHED
from echonode.store.store import Store
from tests.peers.node_process import EchoNodeProcess, ProbeSimProcess
from tests.peers.ports import LOOPBACK, free_port
from tests.support.audit_trail import records
from tests.support.waiting import wait_until

WORDS = "four words in a row"
DOE, ROE = {"id": "P-55", "name": "Doe^Jane"}, {"id": "P-56", "name": "Roe^Ann"}
NO_FRAME_YET = 409
ROUTES = tuple(f"{rule.method} {rule.path}" for rule in RULES)
# GET /dicom-web/* is a row of many resources, each of which is called.
RESOURCE_CALLS = tuple(f"{each.methods[0]} /dicom-web{each.path}" for each in RESOURCES)
SEARCHES = frozenset(f"GET /dicom-web{path}" for paths in SEARCHED.values() for path in paths)
_UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def user_of(call: str) -> str:
    """Who makes it."""
    return f"u{(*ROUTES, *RESOURCE_CALLS).index(call)}"


@dataclass
class Called:
    """statuses: of each call. trail: every record, once the node has stopped. strange: the routes
    that someone without a session called, with the status.
    """

    statuses: dict[str, int] = field(default_factory=dict)
    strange: dict[str, int] = field(default_factory=dict)
    trail: Sequence[Mapping[str, Any]] = ()
    link: str = ""

    def of(self, call: str) -> list[Mapping[str, Any]]:
        """The records that its user is in."""
        names = {user_of(call)}
        if call == "WEBSOCKET /api/watch":
            names = {f"watch link {self.link}"}
        return [
            each for each in self.trail if names & {said["user"] for said in each["participants"]}
        ]


class Caller:
    """Asks a node. known: what stands for the parts of a path."""

    def __init__(self, port: int, sessions: Mapping[str, str], called: Called) -> None:
        self._port, self._sessions, self._called = port, sessions, called
        self.known = {"probe": "handheld", "destination": "pacs", "frame": "1", "frames": "1"}

    def __call__(
        self,
        call: str,
        body: object = None,
        *,
        query: str = "",
        headers: Mapping[str, str] | None = None,
        **parts: str,
    ) -> Any:
        """What is answered, as JSON where it is. parts: of the path, beyond `known`."""
        secret = self._sessions[user_of(call)]
        own = {"Cookie": f"echonode_session={secret}", "X-CSRF-Token": csrf_of(secret)}
        status, answer = self.ask(call, body, query, {**own, **(headers or {})}, parts)
        self._called.statuses[call] = status
        return answer

    def ask(
        self,
        call: str,
        body: object,
        query: str,
        headers: Mapping[str, str],
        parts: Mapping[str, str],
    ) -> tuple[int, Any]:
        """The status, and what is answered."""
        method, path = call.split(" ", 1)
        for name, value in {**self.known, **parts}.items():
            path = path.replace(f"{{{name}}}", value).replace(f"{{{name}:path}}", value)
        sent = {**(_UPGRADE if method == WEBSOCKET else {}), **headers}
        method = "GET" if method == WEBSOCKET else method
        if method == "POST" and body is None:
            body = {}
        content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        connection = http.client.HTTPConnection(LOOPBACK, self._port, timeout=60)
        try:
            connection.request(
                method,
                path.replace("/dicom-web/*", "/dicom-web/studies").replace("/*", "/main.js")
                + query,
                content,
                sent,
            )
            answer = connection.getresponse()
            if answer.status == 101 or path.endswith("/live"):
                return answer.status, None
            found = answer.read()
        finally:
            connection.close()
        with suppress(ValueError):
            return answer.status, json.loads(found)
        return answer.status, found


@contextmanager
def _node() -> Iterator[tuple[EchoNodeProcess, int]]:
    port = free_port()
    peer = {"host": LOOPBACK, "port": free_port(), "may": ["echo"]}
    with ProbeSimProcess("--protocol", "echopen", "--dialect", "kit", "--fps", "10") as probe:
        yield (
            EchoNodeProcess(
                peers={
                    "pacs": {**peer, "ae_title": "PACS"},
                    "films": {**peer, "ae_title": "FILMS"},
                },
                destinations=[{"peer": "pacs", "commitment": "none"}],
                probes=[
                    {
                        "name": "handheld",
                        "protocol": "echopen",
                        "dialect": "kit",
                        "connect": probe.address,
                        "capture": {"mode": "manual"},
                    }
                ],
                extra={
                    "web": {"host": LOOPBACK, "port": port},
                    "prints": [{"peer": "films"}],
                    "worklist": {"peer": "pacs", "station_ae_title": "ECHONODE", "serve": True},
                },
            ),
            port,
        )


def _with_users(node: EchoNodeProcess) -> Mapping[str, str]:
    """An administrator for each call, all with one password; user -> the secret of a session."""
    kept, now = hashed(WORDS), datetime.now(UTC)
    sessions = {}
    with Store.open(node.data_dir) as store:
        for name in (*map(user_of, (*ROUTES, *RESOURCE_CALLS)), "max"):
            store.users.add(name, Role.ADMINISTRATOR, password_hash=kept, at=now)
            sessions[name] = new_session()
            store.sessions.begin(name, digest(sessions[name]), at=now)
        store.users.add("bot", Role.SERVICE, password_hash="", at=now)
    return sessions


def called_node() -> Called:
    """Calls everything and stops the node."""
    called = Called()
    with _node() as (node, port):
        sessions = _with_users(node)
        with node:
            caller = Caller(port, sessions, called)
            _examine(caller, called)
            _look(caller)
            _administer(caller)
            _rest(caller, called)
            for rule in RULES:
                if rule.least is not None:
                    call = f"{rule.method} {rule.path}"
                    called.strange[call], _ = caller.ask(call, None, "", {}, {})
            assert node.stop() == 0
            called.trail = records(node.data_dir)
    return called


def _examine(call: Caller, called: Called) -> None:
    """Two exams, with all that is done in them."""
    call.known["exam"] = call("POST /api/exams", {"probe": "handheld"})["id"]
    call("POST /api/exams/{exam}/identify", {"patient": DOE})
    call("POST /api/exams/{exam}/end")
    call.known["exam"] = call("POST /api/exams", {"probe": "handheld", "patient": DOE})["id"]
    stills = "POST /api/exams/{exam}/stills"

    def still() -> bool:
        answer = call(stills)
        call.known["uid"] = answer.get("sop_instance_uid", "")
        return bool(call.known["uid"])

    wait_until(still, timeout_s=60, what="a frame of the probe", every_s=0.1)
    _watch(call, called)
    frozen = call("POST /api/exams/{exam}/freeze")
    call.known |= {
        "freeze": frozen["freeze"], "sequence": str(frozen["frames"][-1]["sequence"])
    }  # fmt: skip
    call("GET /api/exams/{exam}/freeze/{freeze}/frames/{sequence}")
    call("DELETE /api/exams/{exam}/freeze/{freeze}")
    call("POST /api/exams/{exam}/clips", {"seconds": 0.5, "from": "now"})
    line = {"kind": "distance", "points": [[110, 110], [150, 140]], "label": "CBD", "frame": 1}
    for of in ("instances/{uid}", "exams/{exam}"):
        body = line if "uid" in of else {**line, "sop_instance_uid": call.known["uid"]}
        made = call(f"POST /api/{of}/measurements", body)
        call.known["measurement"] = str(made.get("id", made))
        call(f"DELETE /api/{of}/measurements/{{measurement}}")
    call("POST /api/instances/{uid}/presentation", {"window": {"center": 100, "width": 150}})
    key = [{"sop_instance_uid": call.known["uid"]}]
    report = {"template": "fast", "conclusion": "No free fluid.", "key_images": key}
    call.known["document"] = str(call("POST /api/exams/{exam}/report", report)["id"])
    call("GET /api/exams/{exam}/reports")
    call("GET /api/exams/{exam}/reports/{document}/pdf")
    call("POST /api/exams/{exam}/end")
    call("POST /api/exams/{exam}/reopen")
    call("POST /api/exams/{exam}/discontinue", {"reason": "110514"})
    call("POST /api/exams/{exam}/correct", {"reason": "wrong_patient", "patient": ROE})


def _watch(call: Caller, called: Called) -> None:
    """The live pictures of the open exam."""
    call("GET /api/probes/{probe}/live")
    call("WEBSOCKET /api/probes/{probe}/frames")
    link = call("POST /api/probes/{probe}/watch", {"minutes": 5})
    called.link = link["id"]
    offered = {"Sec-WebSocket-Protocol": f"echonode.watch, {link['token']}"}
    called.statuses["WEBSOCKET /api/watch"], _ = call.ask(
        "WEBSOCKET /api/watch", None, "", offered, {}
    )
    call("DELETE /api/probes/{probe}/watch/{link}", link=link["id"])
    call("DELETE /api/probes/{probe}/watch")


def _look(call: Caller) -> None:
    """What is shown of the images, here and by DICOMweb."""
    images = call("GET /dicom-web/instances", query="?SOPClassUID=1.2.840.10008.5.1.4.1.1.6.1")
    study, series, uid = (
        str(images[0][tag]["Value"][0]) for tag in ("0020000D", "0020000E", "00080018")
    )
    call.known["uid"] = uid
    for route in ROUTES:
        if route.startswith("GET /api/instances/"):
            call(route)
    call("POST /api/instances/{uid}/look")
    call("POST /api/instances/{uid}/{action}", action="hold")
    call("POST /api/outbox/{action}", {"uids": [uid]}, action="hold")
    call("GET /api/report", query=f"?exam={study}")
    for route in ROUTES:
        if "/api/studies/{uid}" in route and "{format}" not in route and "print" not in route:
            call(route, uid=study)
    call("GET /api/studies/{uid}/copies/{format}", uid=study, format="png")
    job = call("POST /api/studies/{uid}/print", {"printer": "films", "layout": "1x1"}, uid=study)
    cancel = "POST /api/prints/{job}/{action}"
    wait_until(
        lambda: "error" not in call(cancel, job=str(job["id"]), action="cancel"),
        timeout_s=30,
        what="a job that waits for its printer",
    )
    call("POST /api/studies/search", {"text": "doe"})
    call("POST /api/patients/search", {"text": "doe"})
    call("POST /api/worklist/search", {"patient_id": "P-55"})
    item = call("POST /api/worklist", {"patient": DOE, "requested_procedure": "Abdomen"})
    call("DELETE /api/worklist/{item}", item=str(item.get("id", "none")))
    found = call("GET /dicom-web/studies", query=f"?StudyInstanceUID={study}")
    assert len(found) == 1
    call.known |= {"study": study, "series": series, "instance": uid, "place": "7FE00010"}
    for route in RESOURCE_CALLS:
        if route.startswith("GET") and "/wado" not in route:
            call(route)
    requested = f"requestType=WADO&studyUID={study}&seriesUID={series}&objectUID={uid}"
    call("GET /dicom-web/wado", query=f"?{requested}&contentType=application/dicom")
    file = call("GET /api/instances/{uid}/file")
    for route in ("POST /dicom-web/studies", "POST /dicom-web/studies/{study}"):
        kind = 'multipart/related; type="application/dicom"; boundary=b'
        body = b"--b\r\nContent-Type: application/dicom\r\n\r\n%b\r\n--b--\r\n" % file
        call(route, body, headers={"Content-Type": kind, "Accept": "application/dicom+json"},
             study=study)  # fmt: skip


def _administer(call: Caller) -> None:
    """Sessions, users, watch links, the trail."""
    for route in ("POST /api/audit/search", "POST /api/audit/export", "POST /api/audit/verify"):
        call(route)
    name = user_of("POST /api/login")
    call("POST /api/login", {"name": name, "password": WORDS})
    call("POST /api/session/pin", {"pin": "4711"})
    call("POST /api/session/password", {"old": WORDS, "new": f"{WORDS} again"})
    call("POST /api/session/lock")
    call("POST /api/session/unlock", {"password": WORDS})
    call("POST /api/logout")
    call("POST /api/setup", {"code": "AAAA-BBBB", "name": "zoe", "password": WORDS})
    call("POST /api/users", {"name": "new", "role": "viewer", "password": WORDS})
    call("POST /api/users/{name}", {"role": "operator"}, name="new")
    call("DELETE /api/users/{name}", name="new")
    call("POST /api/users/{name}/token", name="bot")
    call("POST /api/patients/held", {"patient_id": "P-55"})
    call("POST /api/patients/export", {"patient_id": "P-55"})


def _rest(call: Caller, called: Called) -> None:
    """What needs nothing but its path; and the erasure last."""
    for route in (*ROUTES, *RESOURCE_CALLS):
        if route not in called.statuses and "erase" not in route and "/dicom-web/*" not in route:
            call(route)
    call("OPTIONS /dicom-web/*")
    call("POST /api/patients/erase", {"patient_id": "P-99"})
