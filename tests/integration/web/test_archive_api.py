"""The archive over HTTP with real files: found, described, drawn, downloaded, measured."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import simplejpeg

from echonode.store.store import Store
from echonode.transcoding.grayscale_display import srgb_table
from echonode.web.archive import archive_routes
from tests.integration.web.kept_images import (
    CINE,
    COLUMNS,
    DURATIONS_MS,
    OTHER,
    PLAIN,
    PLATE,
    PLATE_MM,
    ROWS,
    STILL,
    kept_images,
    picture,
    with_voi_lut,
)
from tests.support.sent_files import sent_file
from tests.unit.store.samples import put
from tests.unit.transcoding.test_picture_file import read_png
from tests.unit.web.conftest import Answer, Browser, served


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, Browser]]:
    with (
        kept_images(tmp_path_factory.mktemp("kept")) as (store, review),
        served(archive_routes(review)) as browser,
    ):
        yield store, browser


@pytest.fixture
def browser(kept: tuple[Store, Browser]) -> Browser:
    return kept[1]


def send(browser: Browser, method: str, path: str, body: object = None) -> Answer:
    connection = http.client.HTTPConnection(*browser.server.address, timeout=20)
    try:
        connection.request(method, path, json.dumps(body if body is not None else {}))
        got = connection.getresponse()
        headers = {name.lower(): value for name, value in got.getheaders()}
        return Answer(got.status, headers, got.read())
    finally:
        connection.close()


def found(browser: Browser, **asked: str) -> list[str]:
    answer = send(browser, "POST", "/api/studies/search", asked)
    assert answer.status == 200, answer.body
    assert answer.json()["next"] == ""
    return [each["patient_name"] for each in answer.json()["studies"]]


def test_studies_are_listed_and_searched(browser: Browser) -> None:
    """Newest first; words in the body; dates in both; a wrong value names its field."""
    assert found(browser) == ["Doe^Jane", "Roe^Rick", "Lindqvist^Astrid"]
    assert found(browser, text="rick") == ["Roe^Rick"]
    assert found(browser, text="p-sec") == ["Doe^Jane"]
    listed = browser.ask("/api/studies?from=2026-11-19&to=2026-11-19").json()["studies"]
    assert [each["patient_name"] for each in listed] == ["Roe^Rick"]
    (doe,) = send(browser, "POST", "/api/studies/search", {"text": "doe"}).json()["studies"]
    assert (doe["series"], doe["instances"], doe["modalities"]) == (1, 3, ["US"])
    for body, field in (
        ({"text": 7}, "text"),
        ({"from": "x"}, "from"),
        ({"cursor": "x"}, "cursor"),
        ({"name": "x"}, "name"),
    ):
        refused = send(browser, "POST", "/api/studies/search", body)
        assert (refused.status, refused.json()["field"]) == (400, field)
    assert browser.ask("/api/studies?text=doe").status == 200  # not of the address: left alone


def test_a_study_has_its_images_with_their_proof(browser: Browser) -> None:
    """Series, instances, and each instance's rows of the ledger."""
    study = browser.ask("/api/studies/1.2.3.1").json()
    (series,) = study["series_list"]
    assert [each["sop_instance_uid"] for each in series["instances"]] == [STILL, CINE, PLAIN]
    assert series["instances"][1]["frames"] == len(DURATIONS_MS)
    assert series["instances"][0]["proof"][0] == {
        "destination": "pacs",
        "state": "queued",
        "attempts": 0,
        "last_error": "",
        "committed_at": None,
    }
    assert study["other_rows"] == []
    assert study["left_out"] == 0
    for path in ("1.2.9", "x", f"1.2.3.1?row={study['row'] + 1}"):
        assert browser.ask(f"/api/studies/{path}").status == 404


def test_an_image_is_described_for_a_viewer(browser: Browser) -> None:
    """True times, both deltas, window, patient, study, proof."""
    view = browser.ask(f"/api/instances/{CINE}").json()
    assert (view["rows"], view["columns"], view["frames"]) == (ROWS, COLUMNS, 4)
    assert view["frame_durations_ms"] == list(DURATIONS_MS)
    assert view["frame_times_ms"] == [0, 40, 100, 150]
    assert view["timing"] == "frame_time_vector"
    (region,) = view["regions"]
    assert region["physical_delta_x_mm"] == pytest.approx(0.2)
    assert region["physical_delta_y_mm"] == pytest.approx(0.5)
    assert view["window"] == {"center": 128, "width": 256}
    assert view["pixel_ratio"] == 2.5
    assert view["patient"]["name"] == "Doe^Jane"
    assert view["study"]["study_instance_uid"] == "1.2.3.1"
    assert [each["state"] for each in view["proof"]] == ["queued"]
    assert browser.ask("/api/instances/1.2.9").status == 404


def test_a_frame_as_png_and_as_jpeg(browser: Browser) -> None:
    """PNG to the last bit, JPEG nearly; numbers from 1 on; another is 404 or 422."""
    png = browser.ask(f"/api/instances/{CINE}/frames/3.png")
    assert png.headers["content-type"] == "image/png"
    assert np.array_equal(read_png(png.body)[..., 0], picture(2))
    jpeg = browser.ask(f"/api/instances/{CINE}/frames/2?quality=95")
    assert jpeg.headers["content-type"] == "image/jpeg"
    drawn = simplejpeg.decode_jpeg(jpeg.body, colorspace="GRAY").squeeze()
    assert np.abs(drawn.astype(int) - picture(1)).mean() < 2
    calibrated = browser.ask(f"/api/instances/{CINE}/frames/3.png?display=srgb")
    assert np.array_equal(read_png(calibrated.body)[..., 0], srgb_table()[picture(2)])
    windowed = browser.ask(f"/api/instances/{STILL}/frames/1.png?window_center=50&window_width=1")
    assert set(np.unique(read_png(windowed.body))) == {0, 255}
    for path, status in (
        (f"{CINE}/frames/0", 404),
        (f"{CINE}/frames/5", 422),
        (f"{CINE}/frames/x", 400),
        (f"{CINE}/frames/1?quality=0", 400),
        (f"{CINE}/frames/1?display=crt", 400),
        (f"{CINE}/frames/1?quality=-1", 400),
        (f"{CINE}/frames/1?window_center=1", 400),
        (f"{CINE}/frames/1?window_center=nan&window_width=2", 400),
        (f"{CINE}/frames/1?window_center=1&window_width=0", 400),
        ("1.2.9/frames/1", 404),
        ("..%2f..%2fetc/frames/1", 404),
    ):
        assert browser.ask(f"/api/instances/{path}").status == status, path


def test_a_browser_that_has_a_picture_gets_it_no_second_time(browser: Browser) -> None:
    """304 by its tag; another window is another picture."""
    path = f"/api/instances/{STILL}/frames/1"
    first = browser.ask(path)
    again = browser.ask(path, if_none_match=first.headers["etag"])
    assert (again.status, again.body) == (304, b"")
    assert first.headers["cache-control"] == "private, no-cache"
    other = browser.ask(f"{path}?window_center=9&window_width=9")
    assert other.headers["etag"] != first.headers["etag"]
    assert browser.ask(path, if_none_match='"other"').status == 200


def test_the_file_has_the_stored_data_set_and_its_name_names_no_one(
    kept: tuple[Store, Browser], tmp_path: Path
) -> None:
    """The same bytes, as an attachment without its seal; a damaged file is not given."""
    store, browser = kept
    instance = store.index.instance(STILL)
    assert instance is not None
    answer = browser.ask(f"/api/instances/{STILL}/file")
    assert answer.body == sent_file(instance)
    assert answer.headers["content-type"] == "application/dicom"
    assert answer.headers["content-disposition"] == f'attachment; filename="{STILL}.dcm"'
    saved = tmp_path / "saved.dcm"
    saved.write_bytes(answer.body)
    assert pydicom.dcmread(saved).PatientName == "Doe^Jane"
    known = browser.ask(f"/api/instances/{STILL}/file", if_none_match=answer.headers["etag"])
    assert (known.status, known.body) == (304, b"")
    damaged = store.index.instance(OTHER)
    assert damaged is not None
    whole = damaged.path.read_bytes()
    damaged.path.write_bytes(whole[:-1] + b"\x7f")
    refused = browser.ask(f"/api/instances/{OTHER}/file")
    assert (refused.status, refused.json()["error"]) == (
        422,
        "its file has changed since it was stored",
    )
    damaged.path.write_bytes(whole)


def test_a_length_is_measured_kept_and_deleted(browser: Browser) -> None:
    """The plate's 40 mm by both deltas; deleted, it stays and is marked."""
    body: dict[str, Any] = {"kind": "distance", "points": PLATE, "frame": 2, "label": "Plate"}
    made = send(browser, "POST", f"/api/instances/{CINE}/measurements", body)
    assert made.status == 201, made.body
    measured = made.json()
    (length,) = measured["results"]
    assert (length["name"], length["unit"]) == ("length", "mm")
    assert length["value"] == pytest.approx(PLATE_MM, abs=1e-9)
    down = {**body, "points": [[10, 10], [10, 110]]}
    tall = send(browser, "POST", f"/api/instances/{CINE}/measurements", down).json()
    assert tall["results"][0]["value"] == pytest.approx(50)
    path = f"/api/instances/{CINE}/measurements"
    assert [each["id"] for each in browser.ask(path).json()] == [measured["id"], tall["id"]]
    assert send(browser, "DELETE", f"{path}/{tall['id']}").json()["deleted_at"]
    assert [bool(each["deleted_at"]) for each in browser.ask(path).json()] == [False, True]
    for where in (f"/api/instances/{STILL}/measurements", "/api/exams/E1/measurements"):
        assert send(browser, "DELETE", f"{where}/{measured['id']}").status == 404


def test_where_nothing_can_be_measured_it_says_why(browser: Browser) -> None:
    """No calibration; outside; a frame that is not there; another exam's route."""
    body = {"kind": "distance", "points": PLATE}
    plain = send(browser, "POST", f"/api/instances/{PLAIN}/measurements", body)
    assert (plain.status, plain.json()["field"]) == (400, "points")
    assert "without calibration" in plain.json()["error"]
    outside = {**body, "points": [[10, 10], [9999, 10]]}
    answer = send(browser, "POST", f"/api/instances/{STILL}/measurements", outside)
    assert "outside" in answer.json()["error"]
    late = send(browser, "POST", f"/api/instances/{STILL}/measurements", {**body, "frame": 2})
    assert late.json()["field"] == "frame"
    named = {**body, "sop_instance_uid": STILL}
    assert send(browser, "POST", "/api/exams/E1/measurements", named).status == 404
    assert browser.ask("/api/exams/E1/measurements").status == 404
    assert send(browser, "POST", "/api/exams/E1/measurements", body).json()["field"] == (
        "sop_instance_uid"
    )
    other = send(browser, "POST", f"/api/instances/{CINE}/measurements", named)
    assert other.json()["field"] == "sop_instance_uid"


def test_an_image_with_a_voi_lut_is_rendered_by_it(tmp_path: Path) -> None:
    """Until a window is asked for: then the stored values are windowed, and not the table's."""
    with kept_images(tmp_path) as (store, review), served(archive_routes(review)) as browser:
        put(store, with_voi_lut(9))
        view = browser.ask("/api/instances/1.2.3.4.9").json()
        assert (view["voi_lut"], view["window"]) == (True, None)
        assert browser.ask(f"/api/instances/{STILL}").json()["voi_lut"] is False
        shown = read_png(browser.ask("/api/instances/1.2.3.4.9/frames/1.png").body)[..., 0]
        assert np.array_equal(shown, 255 - picture())
        path = "/api/instances/1.2.3.4.9/frames/1.png?window_center=128&window_width=256"
        assert np.array_equal(read_png(browser.ask(path).body)[..., 0], picture())
