// Numbers, times and DICOM values as a person reads them. Pure: the language and the present are given.
//
// Rules
// - Each function takes the language last ("en", "fr"); screens pass languageNow().
// - A value that cannot be read is shown as it came; nothing is made up.
// - DICOM: PN is a person's name (PS3.5 6.2), DA a date (YYYYMMDD), TM a time (HHMMSS).

const MINUTE = 60, HOUR = 3600, DAY = 86400;

// PN -> "DOE, Jane"; an ideographic form follows in brackets. "" for an empty one.
export function personName(name) {
  const [first, second, third] = String(name ?? "").split("=");
  const alphabetic = oneName(first);
  const other = asWritten(second) || asWritten(third);
  if (alphabetic && asWritten(second)) return `${alphabetic} (${asWritten(second)})`;
  return alphabetic || other;
}

// Ideographic and phonetic forms have no capitals, and no comma.
const asWritten = (group) => String(group ?? "").split("^").map((part) => part.trim()).filter(Boolean).join(" ");

function oneName(group) {
  const [family = "", given = "", middle = ""] = String(group ?? "").split("^").map((part) => part.trim());
  const rest = [given, middle].filter(Boolean).join(" ");
  if (!family) return rest;
  return rest ? `${family.toLocaleUpperCase()}, ${rest}` : family.toLocaleUpperCase();
}

// DA -> Date at local midnight; null where the text is not a date.
export function dateOf(text) {
  const found = /^(\d{4})(\d{2})(\d{2})$/.exec(String(text ?? ""));
  if (!found) return null;
  const [year, month, day] = found.slice(1).map(Number);
  const date = new Date(year, month - 1, day);
  return date.getMonth() === month - 1 && date.getDate() === day ? date : null;
}

// DA -> "02 Jan 1970" in the language's own order.
export function day(text, language) {
  const date = dateOf(text);
  if (!date) return String(text ?? "");
  return date.toLocaleDateString(locale(language), { day: "2-digit", month: "short", year: "numeric" });
}

// TM -> "14:05".
export function clock(text) {
  const found = /^(\d{2})(\d{2})/.exec(String(text ?? ""));
  return found ? `${found[1]}:${found[2]}` : String(text ?? "");
}

// Whole years at `now` of who was born on DA; null where that is not known.
export function age(birthDate, now) {
  const born = dateOf(birthDate);
  if (!born || born > now) return null;
  const had = now.getMonth() > born.getMonth()
    || (now.getMonth() === born.getMonth() && now.getDate() >= born.getDate());
  return now.getFullYear() - born.getFullYear() - (had ? 0 : 1);
}

// An instant in full: "20 Nov 2026, 14:05:31".
export function instant(at, language) {
  const date = at instanceof Date ? at : new Date(at);
  if (Number.isNaN(date.getTime())) return String(at);
  return date.toLocaleString(locale(language), {
    day: "2-digit", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit",
    hour12: false,
  });
}

// The time of day of an instant: "14:05".
export function timeOfDay(at, language, seconds = false) {
  const date = at instanceof Date ? at : new Date(at);
  if (Number.isNaN(date.getTime())) return String(at);
  return date.toLocaleTimeString(locale(language), {
    hour: "2-digit", minute: "2-digit", hour12: false, ...(seconds ? { second: "2-digit" } : {}),
  });
}

// How long before `now` (a Date) `at` was: "2 min ago"; from a day on the day itself.
export function ago(at, now, language) {
  const date = at instanceof Date ? at : new Date(at);
  const seconds = Math.max(0, (now - date) / 1000);
  if (Number.isNaN(seconds)) return String(at);
  if (seconds < 10) return language === "fr" ? "à l’instant" : "just now";
  const span = seconds < MINUTE ? `${Math.floor(seconds)} s`
    : seconds < HOUR ? `${Math.floor(seconds / MINUTE)} min`
      : seconds < DAY ? `${Math.floor(seconds / HOUR)} h` : "";
  if (!span) return instant(date, language).replace(/:\d\d$/, "");
  return language === "fr" ? `il y a ${span}` : `${span} ago`;
}

// A span of time: "40 s", "12 min", "2 h 10 min", "3 d".
export function duration(seconds, language) {
  if (seconds < MINUTE) return `${Math.floor(seconds)} s`;
  const minutes = Math.floor(seconds / MINUTE);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours >= 48) return `${Math.floor(hours / 24)} ${language === "fr" ? "j" : "d"}`;
  return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
}

export function number(value, language, digits = 0) {
  return Number(value).toLocaleString(locale(language), {
    minimumFractionDigits: digits, maximumFractionDigits: digits,
  });
}

// Bytes as a person counts them: "3.2 MB".
export function bytes(count, language) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = Number(count), unit = 0;
  while (value >= 1000 && unit < units.length - 1) { value /= 1000; unit += 1; }
  return `${number(value, language, unit && value < 100 ? 1 : 0)} ${units[unit]}`;
}

// Dates by the language's own country order; both languages of the console write days first.
export const locale = (language) => (language === "fr" ? "fr-FR" : "en-GB");
