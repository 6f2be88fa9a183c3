"""Each route asks first: over a real server, with users that the test makes up."""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from threading import Event

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.types import Message, Scope
from starlette.websockets import WebSocket, WebSocketDisconnect

from echonode.access.callers import Caller
from echonode.access.events import PatientDataAccess
from echonode.access.roles import Role
from echonode.access.route_table import DataKind, Rule, Unlisted
from echonode.errors import IndexDamaged
from echonode.web.admission import SESSION_ENDED, Admission, caller_of
from echonode.web.server import WebServer
from tests.support.waiting import wait_until
from tests.unit.web.conftest import Browser

TABLE = (
    Rule(method="GET", path="/", least=None),
    Rule(method="GET", path="/api/who", least=Role.VIEWER, data=DataKind.STUDY),
    Rule(method="POST", path="/api/who", least=Role.OPERATOR),
    Rule(method="GET", path="/api/studies/{uid}/live", least=Role.VIEWER, data=DataKind.STUDY),
    Rule(method="WEBSOCKET", path="/api/frames", least=Role.VIEWER, data=DataKind.EXAM),
)
ADA = Caller(name="ada", role=Role.OPERATOR, session=1, csrf="proof")
COOKIE = "theme=dark; echonode_session=good"


class Users:
    """One session and one token; revoked by the test. Takes the accesses, too."""

    def __init__(self) -> None:
        self.caller: Caller | None = ADA
        self.any, self.damaged = True, False
        self.accesses: list[PatientDataAccess] = []

    def has_users(self) -> bool:
        if self.damaged:
            raise IndexDamaged("damaged")
        return self.any

    def by_session(self, secret: str) -> Caller | None:
        return self.caller if secret == "good" else None

    def by_token(self, secret: str) -> Caller | None:
        return Caller(name="bot", role=Role.SERVICE) if secret == "token" else None

    def accessed(self, access: PatientDataAccess) -> None:
        self.accesses.append(access)


async def who(request: Request) -> Response:
    caller = caller_of(request.scope)
    return PlainTextResponse(caller.name if caller else "none")


async def live(_request: Request) -> Response:
    async def body() -> AsyncIterator[bytes]:
        while True:
            yield b"frame"
            await asyncio.sleep(0.02)

    return StreamingResponse(body())


@contextmanager
def guarded(
    users: Users,
    *,
    on_loopback: bool = False,
    for_everyone: Sequence[str] = (),
    origin_proves: bool = False,
) -> Iterator[Browser]:
    admission = Admission(
        users,
        users,
        on_loopback=on_loopback,
        table=TABLE,
        for_everyone=for_everyone,
        origin_proves=origin_proves,
    )
    routes = [
        Route("/", who),
        Route("/api/who", who, methods=["GET", "POST"]),
        Route("/api/studies/{uid}/live", live),
    ]
    server = WebServer(host="127.0.0.1", port=0, routes=routes, admission=admission)
    server.start()
    try:
        yield Browser(server)
    finally:
        server.stop(deadline_s=3)


def test_a_route_is_called_by_who_asks() -> None:
    """By cookie or by token; without either it is not called."""
    with guarded(Users()) as browser:
        assert browser.ask("/api/who", cookie=COOKIE).body == b"ada"
        assert browser.ask("/api/who", authorization="Bearer token").body == b"bot"
        refused = browser.ask("/api/who")
        assert (refused.status, refused.headers["www-authenticate"]) == (401, "Bearer")
        assert set(refused.json()) == {"error", "field", "remedy"}
        assert browser.ask("/api/who", cookie="echonode_session=bad").status == 401
        assert browser.ask("/api/who", cookie="echonode_session=" + "x" * 5000).status == 401
        assert browser.ask("/api/who", authorization="Bearer bad", cookie=COOKIE).status == 401
        assert browser.ask("/api/who", authorization="Basic dG9rZW4=", cookie=COOKIE).status == 200
        assert browser.ask("/").body == b"none", "no one is looked up for a page"


def test_a_change_needs_the_csrf_token_and_a_page_of_ours() -> None:
    """Without the header, with a wrong one, or from another origin: 403."""
    with guarded(Users()) as browser:
        ours = "{}:{}".format(*browser.server.address)

        def change(**headers: str) -> int:
            return browser.ask("/api/who", method="POST", cookie=COOKIE, **headers).status

        assert change(x_csrf_token="proof") == 200
        assert change(x_csrf_token="proof", origin=f"http://{ours}") == 200
        assert change(x_csrf_token="proof", origin="http://evil.example") == 403
        assert change(x_csrf_token="wrong") == 403
        assert change() == 403


def test_where_the_page_knows_no_csrf_token_its_origin_proves_it() -> None:
    """As on the viewer's port: a browser says where a POST comes from; no page can change it."""
    with guarded(Users(), origin_proves=True) as browser:
        ours = "{}:{}".format(*browser.server.address)

        def change(**headers: str) -> int:
            return browser.ask("/api/who", method="POST", cookie=COOKIE, **headers).status

        assert change(origin=f"http://{ours}") == 200
        for origin in ("http://evil.example", f"http://{ours}0", "null", "http://127.0.0.1:1"):
            assert change(origin=origin) == 403, origin
        assert change() == 403, "without an Origin there is no proof"


def test_what_was_revoked_is_worth_nothing_from_the_next_request_on() -> None:
    """No answer is remembered."""
    users = Users()
    with guarded(users) as browser:
        assert browser.ask("/api/who", cookie=COOKIE).status == 200
        users.caller = None
        assert browser.ask("/api/who", cookie=COOKIE).status == 401
        users.caller = replace(ADA, locked=True)
        assert browser.ask("/api/who", cookie=COOKIE).status == 423


@pytest.mark.slow
def test_an_answer_that_goes_on_ends_with_the_session() -> None:
    """A live picture is cut off within a second or two."""
    users = Users()
    with guarded(users) as browser:
        connection = http.client.HTTPConnection(*browser.server.address, timeout=10)
        connection.request("GET", "/api/studies/1.2.3/live", headers={"Cookie": COOKIE})
        answer = connection.getresponse()
        assert answer.read(5) == b"frame"
        users.caller = None
        with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
            answer.read()
        connection.close()


def test_accesses_to_patients_data_are_told_with_their_outcome() -> None:
    """Granted and refused ones, and every change; the audit trail takes them all."""
    users = Users()
    with guarded(users) as browser:
        browser.ask("/api/who", cookie=COOKIE)
        browser.ask("/api/who")
        browser.ask("/api/who", method="POST", cookie=COOKIE, x_csrf_token="proof")
        connection = http.client.HTTPConnection(*browser.server.address, timeout=10)
        connection.request("GET", "/api/studies/1.2.3/live", headers={"Cookie": COOKIE})
        connection.getresponse().read(5)
        connection.close()
    told = [(each.user, each.status, each.uid, each.kind) for each in users.accesses]
    assert told == [
        ("ada", 200, "", DataKind.STUDY),
        ("", 401, "", DataKind.STUDY),
        ("ada", 200, "", DataKind.NONE),
        ("ada", 200, "1.2.3", DataKind.STUDY),
    ]
    assert [each.change for each in users.accesses] == [False, False, True, False]
    assert users.accesses[0].asked == b"/api/who"


def test_without_users_the_servers_address_decides() -> None:
    """Beyond loopback nothing but what is for everyone."""
    users = Users()
    users.any = False
    with guarded(users, on_loopback=True) as browser:
        assert browser.ask("/api/who", method="POST").status == 200
    with guarded(users) as browser:
        assert browser.ask("/api/who").status == 403
        assert browser.ask("/").status == 200


def test_the_configuration_may_open_a_row() -> None:
    """As `web.open_metrics` does; the others stay as they are."""
    with guarded(Users(), for_everyone=["GET /api/who"]) as browser:
        assert browser.ask("/api/who").status == 200
        assert browser.ask("/api/who", method="POST").status == 401


def test_a_database_that_cannot_be_read_lets_no_one_in() -> None:
    """503; the pages still come."""
    users = Users()
    users.damaged = True
    with guarded(users) as browser:
        assert browser.ask("/api/who").status == 503
        assert browser.ask("/").status == 200


def test_a_route_without_a_row_cannot_be_served() -> None:
    """Nor one whose rows cannot be found."""
    admission = Admission(Users(), Users(), on_loopback=True, table=TABLE)
    with pytest.raises(Unlisted):
        admission.guard([Route("/api/new", who)])
    with pytest.raises(TypeError, match="Mount"):
        admission.guard([Mount("/api", routes=[])])


def test_a_server_without_rules_serves_this_machine_alone() -> None:
    """It cannot be started beyond it by mistake."""
    with pytest.raises(ValueError, match="beyond this machine"):
        WebServer(host="0.0.0.0", port=0, routes=[Route("/", who)])


class Socket:
    """One WebSocket of a server without a network: what it is sent, and what it gets."""

    def __init__(self, admission: Admission, headers: dict[str, str]) -> None:
        self.sent: list[Message] = []
        self.ended = Event()
        [self.route] = admission.guard([WebSocketRoute("/api/frames", self.endpoint)])
        self.scope: Scope = {
            "type": "websocket",
            "path": "/api/frames",
            "headers": [(k.encode(), v.encode()) for k, v in headers.items()],
            "client": ("10.0.0.9", 4000),
            "query_string": b"",
            "extensions": {"websocket.http.response": {}},
        }

    async def endpoint(self, socket: WebSocket) -> None:
        await socket.accept()
        try:
            while True:
                await socket.receive_text()
        except WebSocketDisconnect as gone:
            if gone.code == SESSION_ENDED:
                self.ended.set()

    async def run(self) -> None:
        connected = False

        async def receive() -> Message:
            nonlocal connected
            if connected:
                await asyncio.Event().wait()
            connected = True
            return {"type": "websocket.connect"}

        async def send(message: Message) -> None:
            self.sent.append(message)

        assert isinstance(self.route, WebSocketRoute)
        await self.route.app(self.scope, receive, send)


async def _revoked(users: Users, socket: Socket) -> None:
    running = asyncio.create_task(socket.run())
    while not socket.sent:
        await asyncio.sleep(0.01)
    users.caller = None
    await asyncio.wait_for(running, 10)


@pytest.mark.slow
def test_a_websocket_is_closed_when_its_session_ends() -> None:
    """With a code that tells the page why; the viewer gets no further frame."""
    users = Users()
    socket = Socket(Admission(users, users, on_loopback=False, table=TABLE), {"cookie": COOKIE})
    asyncio.run(_revoked(users, socket))
    wait_until(socket.ended.is_set)
    assert [message["type"] for message in socket.sent] == ["websocket.accept", "websocket.close"]
    assert socket.sent[1]["code"] == SESSION_ENDED
    assert [each.status for each in users.accesses] == [101]


def test_a_websocket_without_a_session_is_not_opened() -> None:
    """It is answered 401 in place of the upgrade."""
    users = Users()
    socket = Socket(Admission(users, users, on_loopback=False, table=TABLE), {})
    asyncio.run(socket.run())
    assert socket.sent[0]["type"] == "websocket.http.response.start"
    assert socket.sent[0]["status"] == 401
