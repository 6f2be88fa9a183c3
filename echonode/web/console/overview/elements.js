// How the page makes elements and writes numbers and times. Values reach the page as text only
// (textContent), so nothing that came over a network can become markup.

export const byId = (id) => document.getElementById(id);

export function element(tag, { className = "", text = "", title = "" } = {}, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text) made.textContent = text;
  if (title) made.title = title;
  made.append(...children);
  return made;
}

export const badge = (colour, text) => element("span", { className: `badge ${colour}`, text });
export const counted = (number, one, many) => `${number} ${number === 1 ? one : many}`;

// What stands between backticks is a command: shown as one.
export function withCommands(text) {
  return text.split("`").map((part, index) => (index % 2 ? element("code", { text: part }) : part));
}

const two = (number) => String(number).padStart(2, "0");

// Local time in the form of ISO 8601: the same for every reader, whatever the browser's language.
export function localTime(at, seconds = true) {
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  const time = `${two(at.getHours())}:${two(at.getMinutes())}`;
  return `${day} ${time}${seconds ? `:${two(at.getSeconds())}` : ""}`;
}

const MINUTE = 60, HOUR = 3600, DAY = 86400;

// By the node's own clock: a tablet's may be wrong.
export function ago(at, now) {
  const seconds = Math.max(0, (now - at) / 1000);
  if (seconds < 10) return "just now";
  if (seconds < MINUTE) return `${Math.floor(seconds)} s ago`;
  if (seconds < HOUR) return `${Math.floor(seconds / MINUTE)} min ago`;
  if (seconds < DAY) return `${Math.floor(seconds / HOUR)} h ago`;
  return localTime(at, false);
}

export function duration(seconds) {
  if (seconds < MINUTE) return `${Math.floor(seconds)} s`;
  const minutes = Math.floor(seconds / MINUTE);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} days`;
}

// A <time> that `refreshTimes` keeps up to date.
export function timeAgo(text, now) {
  const at = new Date(text);
  const made = element("time", { text: ago(at, now), title: localTime(at) });
  made.dateTime = text;
  return made;
}

export function refreshTimes(now) {
  for (const made of document.querySelectorAll("time")) {
    made.textContent = ago(new Date(made.dateTime), now);
  }
}
