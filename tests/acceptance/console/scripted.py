"""A node that answers what a test says: for the states that a real one is seldom in."""

from __future__ import annotations

import io
import json
import math
from base64 import b64encode
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import Page, Route

NOW = datetime.now(UTC)
WIDTH, HEIGHT, MM = 512, 430, 0.2
FRAMES = 40
US_MULTI_FRAME = "1.2.840.10008.5.1.4.1.1.3.1"
GEOMETRY = {
    "width": WIDTH,
    "height": HEIGHT,
    "regions": [
        {
            "x0": 0,
            "y0": 0,
            "x1": WIDTH - 1,
            "y1": HEIGHT - 1,
            "physical_delta_x_mm": MM,
            "physical_delta_y_mm": MM,
        }
    ],
    "depth_mm": 80.0,
    "orientation": "MF",
    "gain_curve": [[0, 0], [40, 10], [80, 24]],
}
PROBE: Mapping[str, Any] = {
    "name": "handheld",
    "connected": True,
    "frames_received": 812,
    "frames_dropped": 0,
    "frames_partial": 0,
    "frames_dropped_by": {},
    "refusal": "",
    "problem": "",
    "on_request": True,
    "state": "",
    "battery_percent": None,
    "temperature_c": None,
}
PACS: Mapping[str, Any] = {
    "name": "pacs",
    "ae_title": "ORTHANC",
    "commitment": "required",
    "deliveries": {"committed": 11},
    "problem": "",
    "contact": "reached",
    "heard_s": 3.0,
    "associations": 0,
    "accepts": {},
    "backlog": 0,
    "oldest_unproved_s": None,
    "last_report_s": 12.0,
    "retries": 0,
    "lossy_copies": 0,
    "commitment_problem": "",
}
JANE = {"id": "0815", "issuer": "", "name": "Doe^Jane", "birth_date": "19700102", "sex": "F"}


def ago(**span: float) -> str:
    return (NOW - timedelta(**span)).isoformat()


def status(**changes: Any) -> dict[str, Any]:
    """GET /api/status of a node that is well."""
    whole = {
        "ae_title": "ECHONODE",
        "version": "0.1.0",
        "now": NOW.isoformat(),
        "started_at": ago(hours=3),
        "disk_free_percent": 61.5,
        "minutes_of_cine": 130.0,
        "refusing": "",
        "alarms": [],
        "problems": [],
        "captures_lost": 0,
        "probes": [dict(PROBE)],
        "destinations": [dict(PACS)],
    }
    return {**whole, **changes}


def exam(number: int = 12, **changes: Any) -> dict[str, Any]:
    whole = {
        "id": f"E{number:08}",
        "study_instance_uid": f"1.2.276.99.4.{number}",
        "probe": "handheld",
        "progress": "scanning",
        "identity": "identified",
        "held": False,
        "unattended": False,
        "opened_at": ago(minutes=6),
        "ended_at": None,
        "patient": dict(JANE),
        "worklist_item": "a1",
        "accession_number": "4711",
        "captures": 3,
        "events": [],
        "instances": [],
    }
    return {**whole, **changes}


UNIDENTIFIED = {
    "identity": "unidentified",
    "patient": None,
    "held": True,
    "worklist_item": None,
    "accession_number": "",
}


def instance(
    number: int, state: str, *, clip: bool = False, error: str = "", **changes: Any
) -> dict[str, Any]:
    """An image of an exam, on its way to `pacs`; state: of the ledger."""
    whole = {
        "sop_instance_uid": f"1.2.276.99.5.{number}",
        "kind": "capture",
        "series_number": 1,
        "instance_number": number,
        "captured_at": ago(minutes=5 - number / 2),
        "replaces": "",
        "replaced_by": "",
        "rejected_by": "",
        "sop_class_uid": US_MULTI_FRAME if clip else "1.2.840.10008.5.1.4.1.1.6.1",
        "frames": 60 if clip else 1,
        "duration_s": 3.0 if clip else None,
        "thumbnail": True,
        "deliveries": [
            {
                "destination": "pacs",
                "state": state,
                "attempts": 1,
                "last_error": error,
                "committed_at": None,
            }
        ],
    }
    return {**whole, **changes}


def item(number: int, name: str, **changes: Any) -> dict[str, Any]:
    whole = {
        "id": f"a{number}",
        "patient_id": f"08{number:02}",
        "patient_name": name,
        "birth_date": "19700102",
        "sex": "F",
        "issuer": "",
        "accession_number": f"47{number:02}",
        "study_instance_uid": f"1.2.3.{number}",
        "requested_procedure": "Abdomen complete",
        "scheduled_step": "Abdomen complete",
        "start_date": NOW.strftime("%Y%m%d"),
        "start_time": f"{8 + number // 2:02}{(number % 2) * 30:02}00",
        "modality": "US",
        "station_ae_titles": ["ECHONODE"],
        "referring_physician": "Moreau^Camille",
        "source": "ris",
        "fetched_at": ago(minutes=2),
    }
    return {**whole, **changes}


def worklist(*items: dict[str, Any], **changes: Any) -> dict[str, Any]:
    whole = {"configured": True, "age_s": 120.0, "problem": "", "missing": 0, "items": list(items)}
    return {**whole, **changes}


def picture(number: int) -> bytes:
    """A JPEG: a sector with rings that move."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float64)
    radius = np.hypot(x - WIDTH / 2, y + 160)
    angle = np.arctan2(x - WIDTH / 2, y + 160)
    grey = 90 + 80 * np.sin(radius / 14 - number / 3) * np.cos(6 * angle) ** 2
    grey[(np.abs(angle) > math.radians(27)) | (radius < 190) | (radius > 580)] = 0
    file = io.BytesIO()
    Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8)).save(file, "JPEG", quality=80)
    return file.getvalue()


# In the page itself, so that a busy machine draws as many frames as it can and no more are made.
SOCKET = """
window.WebSocket = class extends EventTarget {
  static OPEN = 1;
  readyState = 0;
  constructor() {
    super();
    setTimeout(() => {
      if (!scripted.opens) return this.close();
      this.readyState = 1;
      this.onopen?.();
      for (const data of scripted.texts) this.onmessage?.({ data });
      let sequence = 100;
      const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
      const jpegs = scripted.pictures.map(bytes);
      if (jpegs.length) this.timer = setInterval(() => {
        const jpeg = jpegs[++sequence % jpegs.length];
        const data = new Uint8Array(24 + jpeg.length);
        const head = new DataView(data.buffer);
        head.setBigUint64(0, BigInt(sequence));
        head.setUint32(16, 1);
        data.set(jpeg, 24);
        this.onmessage?.({ data: data.buffer });
      }, 100);
    }, 0);
  }
  send() {}
  close() {
    clearInterval(this.timer);
    this.readyState = 3;
    setTimeout(() => this.onclose?.({ code: 1006, reason: "" }), 0);
  }
};
"""


@dataclass
class ScriptedNode:
    """Answers a page's API. `answers`: path -> JSON, or (status, JSON); `silent`: it is dead.

    frames: whether the live picture runs. socket: whether it may be opened at all.
    asked: (method, path, body) of each request that changes something.
    """

    answers: dict[str, Any] = field(default_factory=dict)
    silent: bool = False
    frames: bool = True
    connected: bool = True
    socket: bool = True
    asked: list[tuple[str, str, Any]] = field(default_factory=list)

    def serve(self, page: Page) -> None:
        """Every call that the page makes from now on."""
        page.route("**/api/**", self._answer)
        told = {"connected": self.connected, "fps": 20.1 if self.frames else 0.0, "pointer": None}
        script: dict[str, Any] = {
            "opens": self.socket,
            "texts": [json.dumps({"type": "state", "exam": None, **told})],
            "pictures": [],
        }
        if self.frames:
            script["texts"] += [json.dumps({"type": "geometry", "id": 1, **GEOMETRY})]
            script["pictures"] = [b64encode(picture(number)).decode() for number in range(5)]
        page.add_init_script(f"const scripted = {json.dumps(script)};\n{SOCKET}")

    def _answer(self, route: Route) -> None:
        request = route.request
        path = request.url.partition("/api/")[2].partition("?")[0]
        if self.silent:
            route.abort()
            return
        if request.method != "GET":
            self.asked.append((request.method, path, request.post_data_json))
        if path.endswith("/thumbnail") or "/frames/" in path:
            route.fulfill(body=picture(len(path)), content_type="image/jpeg")
            return
        if path not in self.answers:
            route.fulfill(status=404, json={"error": "there is no such thing"})
            return
        found = deepcopy(self.answers[path])
        code, body = found if isinstance(found, tuple) else (200, found)
        route.fulfill(status=code, json=body)


def freeze() -> dict[str, Any]:
    """POST /api/exams/ID/freeze."""
    frames = [
        {"sequence": 80 + n, "at_s": (n - FRAMES) / 20, "captured_at": ago()} for n in range(FRAMES)
    ]
    return {"freeze": "f1", "frames": frames, "geometry": GEOMETRY}
