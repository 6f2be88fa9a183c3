// What the end of an exam says: may the tablet be put away, or what is missing and what will happen. Pure.
//
// Rules
// - "Committed" is said of an archive that has given its commitment, "found again" of one that was asked
//   for the image after it was sent, "received" of one that is asked for no proof; nothing is said twice over.
// - What counts is the slowest archive: an image is done when every archive has the proof wanted of it.

import { severally, translated } from "../core/error-words.js";

const ENDS = { required: "committed", verify: "verified", none: "sent" };

const IMAGES = ["capture", "corrected"];
const stands = (each) => !each.rejected_by && !each.replaced_by;

// Images of the exam that count: not those that a correction rejected, and not its notes.
export const images = (exam) => (exam.instances ?? []).filter((each) => IMAGES.includes(each.kind) && stands(each));
// The node knows an object's class once the object is durable (GET api/exams/ID).
export const isStored = (each) => Boolean(each.sop_class_uid);
// With what a person reported of them: the tablet may be put away when an archive has that, too.
const objects = (exam) => (exam.instances ?? []).filter((each) => each.kind !== "rejection_note" && stands(each));

// exam: GET api/exams/ID; destinations: of api/status.
// -> {kind, title, text, values, done, action}: keys of words.js; action: "identify", "outbox" or "".
export function summaryOf(exam, destinations) {
  const all = images(exam);
  const values = { count: all.length, name: destinations.map((each) => each.name).join(", ") };
  const made = (kind, name, more = {}, action = "") => ({
    kind, title: `scan.end.${name}`, text: `scan.end.${name}.text`, values: { ...values, ...more }, done: kind === "good", action,
  });
  if (!all.length) return made("info", "empty");
  if (!exam.patient && exam.held) return made("warn", "unidentified", {}, "identify");
  if (!destinations.length) return made("info", "no_archive");
  const wanted = new Map(destinations.map((each) => [each.name, ENDS[each.commitment]]));
  const isDone = (each) => each.deliveries.length > 0 && each.deliveries.every((one) => one.state === wanted.get(one.destination) || one.state === "committed");
  const whole = objects(exam);
  const held = whole.flatMap((each) => each.deliveries.filter((one) => one.state === "held"));
  if (held.length) {
    return made("bad", "held", { count: new Set(whole.filter((each) => each.deliveries.some((one) => one.state === "held"))).size, reason: translated(held[0].last_error || "-"), name: held[0].destination }, "outbox");
  }
  const missing = whole.filter((each) => !isDone(each)).length;
  if (!missing) {
    const proofs = new Set(wanted.values());
    return made("good", proofs.size > 1 || proofs.has("committed") ? "committed" : proofs.has("verified") ? "verified" : "received");
  }
  const away = destinations.find((each) => each.contact === "not_reached");
  if (away) return made("warn", "away", { count: missing, name: away.name });
  const refusing = destinations.find((each) => each.commitment_problem || each.problem);
  if (refusing) return made("bad", "problem", { count: missing, name: refusing.name, reason: severally(refusing.commitment_problem || refusing.problem) }, "outbox");
  return made("info", "under_way", { count: whole.length, done: whole.length - missing });
}
