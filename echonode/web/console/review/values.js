// Measured values as a person reads them: rounded, with their unit. Pure: the language is given.
//
// Rules
// - The node keeps millimetres and square millimetres (UCUM mm, mm2, deg); areas are shown in cm².
// - Rounding is for the screen only: a tenth of a millimetre is finer than any probe here resolves.

import { number } from "../core/format.js";

export function valueWords({ value, unit }, language) {
  if (unit === "mm2") return `${number(value / 100, language, 2)} cm²`;
  if (unit === "deg") return `${number(value, language, 1)}°`;
  return `${number(value, language, 1)} mm`;
}

// The value that stands next to a figure: the first.
export const firstValue = (measured, language) => (measured.results?.length ? valueWords(measured.results[0], language) : "");

// "1.24" seconds of milliseconds.
export const secondsWords = (milliseconds, language) => number(milliseconds / 1000, language, 2);
