"""The archive's routes: what they ask for, and which answers have no body."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from echonode.errors import FieldRefused, InvalidObject, StoreError, UsageError
from echonode.web.archive import archive_routes
from echonode.web.operator import operator_routes
from tests.unit.web.conftest import Browser, Serve


class Picture:
    """A frame whose making is counted."""

    tag, media_type = "abc", "image/jpeg"

    def __init__(self, made: list[str]) -> None:
        self._made = made

    def bytes(self) -> bytes:
        self._made.append("picture")
        return b"jpeg"


class Download:
    """A file of few bytes."""

    tag = "tag"

    def __init__(self, content: bytes) -> None:
        self.size, self._content = len(content), content

    def pieces(self) -> Iterator[bytes]:
        yield self._content


class FakeArchive:
    """Answers what it was asked; raises `failure` where there is one."""

    def __init__(self, folder: Path) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.made: list[str] = []
        self.failure: Exception | None = None
        self.path = folder / "image.dcm"
        self.path.write_bytes(b"whole file")

    def _take(self, name: str, **given: Any) -> dict[str, Any]:
        self.asked.append((name, given))
        if self.failure:
            raise self.failure
        return {"asked": name}

    def studies(self, **given: str) -> dict[str, Any]:
        return self._take("studies", **given)

    def study(self, uid: str, *, row: int | None) -> dict[str, Any]:
        return self._take("study", uid=uid, row=row)

    def instance(self, uid: str) -> dict[str, Any]:
        return self._take("instance", uid=uid)

    def picture(self, uid: str, **given: Any) -> Picture:
        self._take("picture", uid=uid, **given)
        return Picture(self.made)

    def file(self, uid: str, *, known: str) -> Download | str:
        self._take("file", uid=uid)
        return "tag" if "tag" in known else Download(self.path.read_bytes())

    def measurements(self, **given: str) -> Sequence[dict[str, Any]]:
        return [self._take("measurements", **given)]

    def measure(self, **given: Any) -> dict[str, Any]:
        return self._take("measure", **given)

    def delete_measurement(self, measurement_id: str, **given: str) -> dict[str, Any]:
        return self._take("delete", id=measurement_id, **given)


@pytest.fixture
def api(tmp_path: Path) -> FakeArchive:
    return FakeArchive(tmp_path)


@pytest.fixture
def browser(serve: Serve, api: FakeArchive) -> Browser:
    """With the operator's routes behind, as in a node."""
    behind = operator_routes(
        act=lambda action, uid, name: {"action": action},
        acknowledge=lambda uid: {},
        preflight=lambda peer: {},
    )
    return serve([*archive_routes(api), *behind])


def send(browser: Browser, method: str, path: str, body: object = None) -> tuple[int, Any]:
    connection = http.client.HTTPConnection(*browser.server.address, timeout=10)
    try:
        connection.request(method, path, json.dumps(body or {}))
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def test_a_search_travels_in_a_body(browser: Browser, api: FakeArchive) -> None:
    """Dates and a cursor may stand in an address, a name may not."""
    wanted = {"text": "Doe", "date_from": "20261101", "date_to": "", "cursor": "c"}
    assert send(
        browser, "POST", "/api/studies/search", {"text": "Doe", "from": "20261101", "cursor": "c"}
    ) == (200, {"asked": "studies"})
    assert api.asked == [("studies", wanted)]
    browser.ask("/api/studies?from=20261101&cursor=c&text=Doe")
    assert api.asked[-1] == ("studies", {**wanted, "text": ""})


def test_a_measurement_is_no_action_of_the_operator(browser: Browser, api: FakeArchive) -> None:
    """Both are POST below an instance; hold, release and retry are still the operator's."""
    body = {"kind": "distance", "points": [[1, 2], [3, 4]], "frame": 2, "label": "a"}
    assert send(browser, "POST", "/api/instances/1.2/measurements", body)[0] == 201
    assert api.asked == [("measure", {"exam_id": "", "uid": "1.2", "by": "", **body})]
    assert send(browser, "POST", "/api/instances/1.2/hold")[1] == {"action": "hold"}


def test_measurements_of_an_exam_name_their_image(browser: Browser, api: FakeArchive) -> None:
    """Its route has no UID, so the body has it."""
    body = {"kind": "angle", "points": [], "sop_instance_uid": "1.2"}
    assert send(browser, "POST", "/api/exams/E1/measurements", body)[0] == 201
    assert (api.asked[-1][1]["exam_id"], api.asked[-1][1]["uid"]) == ("E1", "1.2")
    assert api.asked[-1][1]["frame"] == 1
    assert send(browser, "DELETE", "/api/exams/E1/measurements/M00000001")[0] == 200
    assert api.asked[-1] == ("delete", {"id": "M00000001", "exam_id": "E1", "uid": "", "by": ""})
    assert browser.ask("/api/exams/E1/measurements").json() == [{"asked": "measurements"}]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"kind": "distance", "frame": 1.5}, "frame"),
        ({"kind": "distance", "frame": True}, "frame"),
        ({"kind": 7}, "kind"),
        ({"points": []}, "kind"),
        ({"kind": "distance", "value": 12}, "value"),
        ({"kind": "distance", "label": 5}, "label"),
    ],
)
def test_a_wrong_field_is_named(
    browser: Browser, api: FakeArchive, body: dict[str, Any], field: str
) -> None:
    """A value that a caller computed is not taken."""
    status, said = send(browser, "POST", "/api/instances/1.2/measurements", body)
    assert (status, said["field"]) == (400, field)
    assert api.asked == []


def test_what_a_browser_has_is_not_made_again(browser: Browser, api: FakeArchive) -> None:
    """304 without the picture, and without reading the file."""
    first = browser.ask("/api/instances/1.2/frames/3?quality=50")
    assert (first.body, first.headers["etag"], api.made) == (b"jpeg", '"abc"', ["picture"])
    assert api.asked[-1][1] == {
        "uid": "1.2",
        "frame": 3,
        "png": False,
        "quality": 50,
        "for_srgb": False,
        "window": None,
    }
    again = browser.ask("/api/instances/1.2/frames/3?quality=50", if_none_match='"x", "abc"')
    assert (again.status, api.made) == (304, ["picture"])
    assert browser.ask("/api/instances/1.2/file").body == b"whole file"
    assert browser.ask("/api/instances/1.2/file", if_none_match='"tag"').status == 304


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (UsageError("there is no such image here"), 404),
        (FieldRefused("quality", "is out of range", "give 1 to 100"), 400),
        (InvalidObject("it has 3 frames"), 422),
        (StoreError("the disk does not answer"), 503),
    ],
)
def test_each_failure_has_its_status(
    browser: Browser, api: FakeArchive, failure: Exception, status: int
) -> None:
    """And its words."""
    api.failure = failure
    for path in ("", "/frames/1", "/frames/1.png", "/file", "/measurements"):
        answer = browser.ask(f"/api/instances/1.2{path}")
        assert (answer.status, answer.json()["error"]) == (status, str(failure)), path


def test_what_is_no_uid_reaches_nothing(browser: Browser, api: FakeArchive) -> None:
    """No path of a request is part of anything."""
    for path in ("instances/..", "instances/a'b/file", "studies/%00", "instances/1.2%2f3/frames/1"):
        assert browser.ask(f"/api/{path}").status == 404, path
    assert api.asked == []
