// What is asked of the trail, and what a record says. Pure.
//
// Rules
// - A day is that of this screen: from its midnight to the next, whatever zone the node has.

const midnight = (day, later = 0) => {
  const [year, month, date] = day.split("-").map(Number);
  return new Date(year, month - 1, date + later).toISOString();
};

// The body of a search: fields that are filled in.
export function queryOf({ from, to, user, patient, kind }) {
  const body = {};
  if (from) body.since = midnight(from);
  if (to) body.until = midnight(to, 1);
  for (const [name, value] of Object.entries({ user: user.trim(), patient, kind })) if (value) body[name] = value;
  return body;
}

// What stays on the page of records found so far and those of the next answer, the newest first: so many at most.
// {records, dropped: how many of the newest went}
export function joined(records, more, most) {
  const all = [...records, ...more];
  const dropped = Math.max(0, all.length - most);
  return { records: all.slice(dropped), dropped };
}

// Whether the next part is asked for without a person: nothing, or not a page's worth, was found in this one.
export const goesOn = ({ next, found, wanted }) => next !== null && found < wanted;

// How many instances a record names, in all of its studies.
export const instancesOf = (record) => (record.studies ?? [])
  .flatMap((study) => Object.values(study.instances ?? {})).reduce((count, uids) => count + uids.length, 0);

// The lines of a record: what it was, then what it was about.
export function whatOf(record) {
  const studies = (record.studies ?? []).map((study) => study.uid).filter(Boolean);
  const keys = record.query ? (record.query.of.startsWith("/") ? record.query.keys : record.query.of) : "";
  return [record.type, record.description, record.subject, keys, studies.join(", ")].filter(Boolean);
}
