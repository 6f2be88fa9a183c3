"""Who may call what, on a node that runs: every route by every kind of caller, and the set-up."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from echonode.access.random_secrets import csrf_of, digest, new_session
from echonode.access.roles import Role, is_at_least
from echonode.access.route_table import RULES, WEBSOCKET, Rule
from echonode.node.user_administration import UserAdministration
from echonode.store.store import Store
from tests.peers.fixtures import require_program
from tests.peers.node_process import EchoNodeProcess
from tests.peers.ports import free_port
from tests.starts.commands import echonode

pytestmark = [pytest.mark.timeout(180)]
WORDS = "four words in a row"
HTTP_RULES = [rule for rule in RULES if rule.method != WEBSOCKET]


@dataclass(frozen=True, kw_only=True)
class As:
    """A caller of the test. role: as the node knows it; None where it knows none."""

    name: str
    role: Role | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    locked: bool = False

    @property
    def by_session(self) -> bool:
        return "Cookie" in self.headers


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Web:
    """The web of one node."""

    def __init__(self, node: EchoNodeProcess, port: int) -> None:
        self.node, self.port = node, port

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        source: str = "127.0.0.1",
        **headers: str,
    ) -> Answer:
        """headers: X_CSRF_Token is X-CSRF-Token. source: the address that it comes from."""
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.port, timeout=30, source_address=(source, 0)
        )
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request(method, path, None if body is None else json.dumps(body), sent)
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, found, answer.read())
        finally:
            connection.close()

    def command(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """`echonode ARGUMENTS` on this node, as its user types it."""
        return echonode(*arguments, "--config", self.node.config_file, stdin=stdin)


@pytest.fixture(scope="module")
def fresh() -> Iterator[Web]:
    """A node as a container starts it: reached from elsewhere, and without users."""
    port = free_port()
    with EchoNodeProcess(extra={"web": {"host": "0.0.0.0", "port": port}}) as node:
        yield Web(node, port)


@dataclass(frozen=True)
class Peopled:
    """A node on loopback with users, and every kind of caller."""

    web: Web
    callers: Mapping[str, As]


def _session(store: Store, user: str, *, age: timedelta = timedelta(), lock: bool = False) -> str:
    secret = new_session()
    key = store.sessions.begin(user, digest(secret), at=datetime.now(UTC) - age)
    if lock:
        store.sessions.lock(key)
    return secret


def _headers(secret: str) -> Mapping[str, str]:
    return {"Cookie": f"echonode_session={secret}", "X_CSRF_Token": csrf_of(secret)}


@pytest.fixture(scope="module")
def peopled() -> Iterator[Peopled]:
    port = free_port()
    node = EchoNodeProcess(extra={"web": {"host": "127.0.0.1", "port": port}})
    with Store.open(node.data_dir) as store:
        users = UserAdministration(store.users, now=lambda: datetime.now(UTC))
        for name, role in (
            ("vic", Role.VIEWER),
            ("olga", Role.OPERATOR),
            ("ada", Role.ADMINISTRATOR),
            ("eve", Role.ADMINISTRATOR),
        ):
            users.add(name, role, password=WORDS, by="")
        replaced = str(users.add("bot", Role.SERVICE, password="", by="")["token"])
        token = str(users.new_token("bot", by="")["token"])
        gone = _session(store, "eve")
        users.change("eve", role=None, password="", disabled=True, by="")
        callers = [
            As(name="no one"),
            As(name="viewer", role=Role.VIEWER, headers=_headers(_session(store, "vic"))),
            As(name="operator", role=Role.OPERATOR, headers=_headers(_session(store, "olga"))),
            As(
                name="administrator",
                role=Role.ADMINISTRATOR,
                headers=_headers(_session(store, "ada")),
            ),
            As(name="service", role=Role.SERVICE, headers={"Authorization": f"Bearer {token}"}),
            As(
                name="locked",
                role=Role.ADMINISTRATOR,
                headers=_headers(_session(store, "ada", lock=True)),
                locked=True,
            ),
            As(
                name="expired session",
                headers=_headers(_session(store, "ada", age=timedelta(hours=13))),
            ),
            As(name="disabled user", headers=_headers(gone)),
            As(name="made-up session", headers=_headers(new_session())),
            As(name="replaced token", headers={"Authorization": f"Bearer {replaced}"}),
        ]
    with node:
        yield Peopled(Web(node, port), {caller.name: caller for caller in callers})


def _path(rule: Rule) -> str:
    path = rule.path.replace("/dicom-web/*", "/dicom-web/studies")
    path = path.replace("/*", "/main.js")
    for name in ("exam", "uid", "action", "name", "destination"):
        path = path.replace(f"{{{name}}}", "1.2.3")
    return path


def _expected(rule: Rule, caller: As) -> int | None:
    """The status of a refusal; None where the route is called."""
    if rule.least is None:
        return None
    if caller.role is None:
        return 401
    if caller.locked and not rule.when_locked:
        return 423
    return None if is_at_least(caller.role, rule.least) else 403


# --- every route by every kind of caller ---


@pytest.mark.parametrize("rule", HTTP_RULES, ids=lambda rule: f"{rule.method} {rule.path}")
def test_each_route_is_called_by_those_who_may(peopled: Peopled, rule: Rule) -> None:
    """No session, each role, a service, and what is locked, expired, revoked or made up.

    The body is no object: a route that is called answers 400 to it and does nothing.
    """
    faults = []
    for caller in peopled.callers.values():
        body: list[str] | None = [] if rule.method == "POST" else None
        answer = peopled.web.ask(rule.method, _path(rule), body, **caller.headers)
        expected = _expected(rule, caller)
        refused = answer.status if answer.status in (401, 403, 423) else None
        if refused != expected:
            faults.append(f"{caller.name}: {answer.status}, expected {expected or 'an answer'}")
        if refused and not answer.json()["remedy"]:
            faults.append(f"{caller.name}: refused without a remedy")
    assert faults == []


@pytest.mark.parametrize(
    "rule",
    [rule for rule in HTTP_RULES if rule.is_change],
    ids=lambda rule: f"{rule.method} {rule.path}",
)
def test_no_other_site_changes_anything(peopled: Peopled, rule: Rule) -> None:
    """Neither with the cookie alone, nor with the right CSRF token and its own Origin."""
    ada = peopled.callers["administrator"].headers
    forged = {**ada, "X_CSRF_Token": "x" * 43}
    stolen = {**ada, "Origin": "http://evil.example"}
    if rule.least is not None:
        answer = peopled.web.ask(rule.method, _path(rule), [], **forged)
        assert (answer.status, "page" in answer.json()["error"]) == (403, True)
        without = {"Cookie": ada["Cookie"]}
        assert peopled.web.ask(rule.method, _path(rule), [], **without).status == 403
    assert peopled.web.ask(rule.method, _path(rule), [], **stolen).status == 403


def test_another_name_for_this_node_is_refused(peopled: Peopled) -> None:
    """A stranger's site that points its name at this machine (DNS rebinding)."""
    ada = peopled.callers["administrator"].headers
    assert peopled.web.ask("GET", "/api/status", Host="evil.example", **ada).status == 421


def test_accesses_to_patients_are_in_the_log_without_the_patient(peopled: Peopled) -> None:
    """Who, what kind, under which UID."""
    since = peopled.web.node.mark()
    olga = peopled.callers["operator"].headers
    peopled.web.ask("GET", "/api/instances/1.2.840.1/thumbnail", **olga)
    event = peopled.web.node.wait_for("patient_data_accessed", since=since)
    assert (event["user"], event["kind"], event["uid"], event["status"]) == (
        "olga",
        "instance",
        "1.2.840.1",
        404,
    )


UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec_WebSocket_Version": "13",
    "Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def test_a_websocket_is_opened_by_those_who_may(peopled: Peopled) -> None:
    """There is no such probe: who may watch is answered 404, and everyone else as elsewhere."""
    for caller in peopled.callers.values():
        answer = peopled.web.ask(
            "GET", "/api/probes/none/frames", **UPGRADE, **_without_csrf(caller.headers)
        )
        rule = Rule(method=WEBSOCKET, path="/api/probes/{probe}/frames", least=Role.VIEWER)
        assert answer.status == (_expected(rule, caller) or 404), caller.name


def test_no_other_site_opens_a_websocket(peopled: Peopled) -> None:
    """A browser sends the cookies of this node with it; SameSite does not keep all of them back."""
    ada = _without_csrf(peopled.callers["administrator"].headers)
    for path in ("/api/probes/none/frames", "/api/watch"):
        answer = peopled.web.ask("GET", path, **UPGRADE, **ada, Origin="http://evil.example")
        assert answer.status == 403


def _without_csrf(headers: Mapping[str, str]) -> Mapping[str, str]:
    return {name: value for name, value in headers.items() if name != "X_CSRF_Token"}


# --- users while the node runs ---


def test_a_user_comes_logs_in_and_is_out_at_once(peopled: Peopled) -> None:
    """`user add`, a log-in, `user disable`: the next request of the session is refused."""
    web = peopled.web
    added = web.command("user", "add", "max", "--role", "operator", stdin=WORDS)
    assert added.returncode == 0, added.stderr
    answer = web.ask("POST", "/api/login", {"name": "Max", "password": WORDS})
    assert answer.status == 200
    cookie = answer.headers["set-cookie"].partition(";")[0]
    standing = web.ask("GET", "/api/session", Cookie=cookie).json()
    assert standing["user"] == {"name": "max", "role": "operator"}
    assert web.ask("GET", "/api/exams", Cookie=cookie).status == 200
    assert web.command("user", "disable", "max").returncode == 0
    assert web.ask("GET", "/api/exams", Cookie=cookie).status == 401
    assert web.ask("POST", "/api/login", {"name": "max", "password": WORDS}).status == 401
    assert "max\toperator\tdisabled" in web.command("user", "list").stdout


def test_a_service_works_with_its_token(peopled: Peopled) -> None:
    """The token is alone on standard output."""
    web = peopled.web
    token = web.command("user", "add", "script", "--role", "service").stdout.strip()
    assert web.ask("GET", "/api/worklist", Authorization=f"Bearer {token}").status == 200
    assert web.ask("GET", "/metrics", Authorization=f"Bearer {token}").status == 200
    assert web.command("user", "remove", "script").returncode == 0
    assert web.ask("GET", "/api/worklist", Authorization=f"Bearer {token}").status == 401


def test_the_commands_of_this_machine_need_no_user(peopled: Peopled) -> None:
    """They show the key in data_dir; without it they say what to do."""
    web = peopled.web
    assert web.command("exam", "list").returncode == 0
    key = web.node.data_dir / "web.key"
    hidden = key.with_name("hidden")
    key.rename(hidden)
    try:
        refused = web.command("exam", "list")
    finally:
        hidden.rename(key)
    assert refused.returncode == 1
    assert "run it as the node's user" in refused.stderr


# --- the set-up of a node that is reached from elsewhere ---


def test_without_users_the_set_up_page_is_served_alone(fresh: Web) -> None:
    """Also to a caller of this machine: a container's engine makes every caller one of it."""
    assert fresh.ask("GET", "/").status == 200
    assert fresh.ask("GET", "/health/live").status == 200
    assert fresh.ask("GET", "/health/ready").status == 200
    standing = fresh.ask("GET", "/api/session").json()
    assert (standing["users"], standing["setup"], standing["user"]) == (False, True, None)
    for rule in HTTP_RULES:
        if rule.least is not None:
            answer = fresh.ask(rule.method, _path(rule), [] if rule.is_change else None)
            assert answer.status == 403, rule
            assert "set-up" in answer.json()["error"]


def test_the_set_up_code_cannot_be_guessed(fresh: Web) -> None:
    """Ten tries from one address; then it says how long to wait."""
    wrong = {"code": "AAAA-AAAA-AAAA-AAAA", "name": "eve", "password": WORDS}
    for _ in range(10):
        assert fresh.ask("POST", "/api/setup", wrong, source="127.0.0.9").status == 401
    answer = fresh.ask("POST", "/api/setup", wrong, source="127.0.0.9")
    assert answer.status == 429
    assert 0 < int(answer.headers["retry-after"]) <= 20


def test_the_code_from_the_log_makes_the_first_administrator(fresh: Web) -> None:
    """`user setup-code` shows the same one; afterwards there is none."""
    code = fresh.node.wait_for("setup_code")["code"]
    assert fresh.command("user", "setup-code").stdout.strip() == code
    body = {"code": code, "name": "ada", "password": WORDS}
    answer = fresh.ask("POST", "/api/setup", body)
    assert answer.status == 201
    cookie = answer.headers["set-cookie"].partition(";")[0]
    assert fresh.ask("GET", "/api/users", Cookie=cookie).json()["users"][0]["name"] == "ada"
    assert fresh.ask("GET", "/api/users").status == 401
    assert fresh.ask("POST", "/api/setup", body).status == 409
    over = fresh.command("user", "setup-code")
    assert (over.returncode, "set-up is over" in over.stderr) == (1, True)


# --- TLS ---


@pytest.fixture(scope="module")
def secured() -> Iterator[Web]:
    """A node with a certificate of `echonode web-certificate`."""
    require_program("openssl")
    port = free_port()
    node = EchoNodeProcess()
    tls = node.folder / "tls"
    web = Web(node, port)
    node.extra["web"] = {
        "host": "0.0.0.0",
        "port": port,
        "tls": {"cert": str(tls / "web.pem"), "key": str(tls / "web.key")},
    }
    _certificate(web)
    with node:
        yield web


def _certificate(web: Web) -> None:
    made = web.command(
        *("web-certificate", "--host", "echo.example", "--host", "127.0.0.1"),
        *("--out", str(web.node.folder / "tls")),
    )
    assert made.returncode == 0, made.stderr


def _s_client(web: Web, *options: str) -> str:
    done = subprocess.run(
        [
            *("openssl", "s_client", "-connect", f"127.0.0.1:{web.port}"),
            *("-CAfile", str(web.node.folder / "tls" / "web-ca.pem"), *options),
        ],
        input=b"",
        capture_output=True,
        timeout=30,
        check=False,
    )
    return (done.stdout + done.stderr).decode(errors="replace")


def test_a_client_that_trusts_the_authority_trusts_the_node(secured: Web) -> None:
    """By OpenSSL's own client: name, address and chain; TLS 1.3 and 1.2, and nothing older."""
    for options in (
        ["-verify_hostname", "echo.example"],
        ["-verify_ip", "127.0.0.1"],
        ["-tls1_2", "-verify_hostname", "echo.example"],
    ):
        assert "Verify return code: 0 (ok)" in _s_client(secured, *options)
    assert "hostname mismatch" in _s_client(secured, "-verify_hostname", "other.example").lower()
    assert "Cipher is (NONE)" in _s_client(secured, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0")


def test_the_authority_is_downloaded_from_the_node(secured: Web) -> None:
    """As the QR code leads to it; its key is not in it. The cookie of a log-in is for TLS alone."""
    authority = secured.node.folder / "tls" / "web-ca.pem"
    context = ssl.create_default_context(cafile=str(authority))
    connection = http.client.HTTPSConnection("127.0.0.1", secured.port, timeout=30, context=context)
    connection.request("GET", "/ca.crt", headers={"Host": "echo.example"})
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (200, authority.read_bytes())
    code = secured.node.wait_for("setup_code")["code"]
    body = json.dumps({"code": code, "name": "ada", "password": WORDS})
    connection.request("POST", "/api/setup", body)
    made = connection.getresponse()
    assert made.status == 201
    assert "Secure" in str(made.getheader("set-cookie"))
    connection.close()
    # The commands compare the certificate with the configuration's, and not its issuer.
    assert secured.command("exam", "list").returncode == 0


def test_the_images_health_check_follows_the_configuration(fresh: Web, secured: Web) -> None:
    """By HTTP and by TLS, with any issuer of the certificate; with HTTP at a TLS port it fails."""
    for web, environ, status in (
        (fresh, {}, 0),
        (secured, {}, 0),
        (secured, {"ECHONODE__web__tls": "null"}, 1),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "echonode.commands.container_health", web.node.config_file],
            env={**os.environ, **environ},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == status, done.stdout + done.stderr


def test_a_renewed_certificate_is_shown_without_a_restart(secured: Web) -> None:
    """From the next connection on; trusted by who trusted the one before."""
    before = _s_client(secured, "-showcerts")
    _certificate(secured)
    after = _s_client(secured, "-showcerts", "-verify_hostname", "echo.example")
    assert before.split("END CERTIFICATE")[0] != after.split("END CERTIFICATE")[0]
    assert "Verify return code: 0 (ok)" in after


def test_a_broken_certificate_leaves_the_one_before_in_use(secured: Web, tmp_path: Path) -> None:
    """The log says so; the node serves on."""
    cert = secured.node.folder / "tls" / "web.pem"
    kept = shutil.copy2(cert, tmp_path / "kept.pem")
    since = secured.node.mark()
    cert.write_text("broken")
    try:
        assert "Verify return code: 0 (ok)" in _s_client(secured)
        secured.node.wait_for("web_certificate_unusable", since=since)
    finally:
        shutil.copy2(kept, cert)
