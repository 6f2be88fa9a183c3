// The latest images: grouped by study, with a thumbnail, and what may be done about each delivery.
import { badge, counted, element, timeAgo, withCommands } from "./elements.js";

const MULTI_FRAME = "1.2.840.10008.5.1.4.1.1.3.1"; // Ultrasound Multi-frame Image Storage

// state of the ledger -> [colour, word, what that proves and no more].
const STATES = {
  captured: ["wait", "Stored here", "Stored on this machine; no archive is configured"],
  queued: ["wait", "Waiting", "Stored on this machine; waits to be sent"],
  sending: ["busy", "Being sent", "Being sent to the archive"],
  sent: ["busy", "Sent", "The archive has received it; not committed yet"],
  commit_requested: ["busy", "Sent", "The archive has received it and was asked to commit"],
  committed: ["good", "Committed", "The archive has committed to keep it"],
  verified: ["good", "Verified", "The archive found it again when it was asked"],
  held: ["bad", "Held", "Not sent on until a person releases it"],
};

// [action, the button's word] of a state; retry only where an attempt has failed.
function offered(row) {
  if (row.state === "held") return ["release", "Release"];
  if (row.state === "queued" && row.attempts > 0) return ["retry", "Retry now"];
  if (row.state === "sent" && row.last_error) return ["retry", "Ask again"];
  return null;
}

// Pictures stay in the page while their rows are drawn again: none is asked for twice.
const pictures = new Map();

function picture(uid, has) {
  if (!has) return element("span", { className: "picture none", text: "no preview" });
  if (!pictures.has(uid)) {
    const made = element("img", { className: "picture" });
    made.alt = "";
    made.loading = "lazy";
    made.decoding = "async";
    made.width = 96;
    made.height = 72;
    made.addEventListener("error", () => {
      made.replaceWith(picture(uid, false));
      pictures.delete(uid);
    });
    made.src = `api/instances/${encodeURIComponent(uid)}/thumbnail`;
    pictures.set(uid, made);
  }
  return pictures.get(uid);
}

// Copies where the browser allows it (a page over HTTPS, or on this machine), else shows it marked.
function copyButton(uid, words, label) {
  const made = element("button", { className: "link", text: words, title: uid });
  made.type = "button";
  made.setAttribute("aria-label", label);
  made.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(uid);
      made.textContent = "Copied";
      setTimeout(() => { made.textContent = words; }, 2000);
    } catch {
      const shown = element("code", { className: "uid", text: uid });
      made.replaceWith(shown);
      getSelection().selectAllChildren(shown);
    }
  });
  return made;
}

async function act(row, action) {
  const answer = await fetch(`api/instances/${encodeURIComponent(row.sop_instance_uid)}/${action}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ destination: row.destination }),
    signal: AbortSignal.timeout(20000),
  });
  if (answer.ok) return "";
  try {
    return (await answer.json()).error;
  } catch {
    return `the node answered ${answer.status}`;
  }
}

function actionButton(row, [action, words], said, changed) {
  const made = element("button", { className: "action", text: words });
  made.type = "button";
  made.setAttribute("aria-label", `${words}: delivery to ${row.destination}`);
  made.addEventListener("click", async () => {
    made.disabled = true;
    said.textContent = "";
    try {
      said.textContent = await act(row, action);
    } catch {
      said.textContent = "The node does not answer.";
    }
    made.disabled = false;
    if (!said.textContent) changed();
  });
  return made;
}

function delivery(row, changed) {
  const [colour, word, meaning] = STATES[row.state] ?? ["wait", row.state, ""];
  const mark = badge(colour, word);
  mark.title = meaning;
  const said = element("p", { className: "said" });
  said.setAttribute("role", "status");
  const tries = row.attempts > 1 ? `${row.attempts} attempts` : "";
  const reason = [tries, row.last_error].filter(Boolean).join(" · ");
  const line = element("div", { className: "delivery" }, mark,
    element("span", { text: row.destination || "no archive" }));
  const offer = offered(row);
  if (offer) line.append(actionButton(row, offer, said, changed));
  const made = element("div", {}, line);
  if (reason) made.append(element("p", { className: "quiet reason" }, ...withCommands(reason)));
  made.append(said);
  return made;
}

function extent(row) {
  if (row.sop_class_uid !== MULTI_FRAME && row.frames === 1) return "Still";
  const length = row.duration_s ? `, ${row.duration_s.toFixed(1)} s` : "";
  return `Clip${length}, ${counted(row.frames, "frame", "frames")}`;
}

function instance(rows, now, changed) {
  const [row] = rows;
  const uid = row.sop_instance_uid;
  const what = element("div", { className: "what" },
    element("strong", { text: extent(row) }),
    element("span", { className: "quiet" }, timeAgo(row.acquired_at ?? row.stored_at, now)),
    copyButton(uid, "Copy UID", `Copy the SOP Instance UID of this ${row.frames > 1 ? "clip" : "image"}`));
  const where = element("div", { className: "where" }, ...rows.map((each) => delivery(each, changed)));
  return element("li", { className: "instance" }, picture(uid, row.thumbnail), what, where);
}

// Rows -> Map of key -> rows, in the order in which the keys come.
function grouped(rows, key) {
  const groups = new Map();
  for (const row of rows) groups.set(row[key], [...(groups.get(row[key]) ?? []), row]);
  return groups;
}

function study(uid, rows, now, changed) {
  const instances = grouped(rows, "sop_instance_uid");
  const sources = [...new Set(rows.map((row) => row.source).filter(Boolean))].join(", ");
  const title = ["Study", sources ? `from ${sources}` : "", counted(instances.size, "image or clip", "images and clips")];
  const head = element("h3", {},
    element("span", { text: title.filter(Boolean).join(" · ") }),
    copyButton(uid, "Copy study UID", "Copy the Study Instance UID"));
  return element("section", { className: "study" }, head,
    element("ul", {}, ...[...instances.values()].map((each) => instance(each, now, changed))));
}

export function studies(rows, now, changed) {
  const shown = new Set(rows.map((row) => row.sop_instance_uid));
  for (const uid of pictures.keys()) if (!shown.has(uid)) pictures.delete(uid);
  if (!rows.length) {
    return [element("p", { className: "card quiet", text: "Nothing yet. What a probe records appears here." })];
  }
  return [...grouped(rows, "study_instance_uid")].map(([uid, group]) => study(uid, group, now, changed));
}
