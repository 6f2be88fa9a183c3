// The screens of the console, the start first. Each is a folder with its own words and styles;
// index.html names its style sheet.
import { datedScreen, screen as archive } from "./archive/screen.js";
import { rowScreen, studyScreen } from "./archive/study.js";
import { screen as audit } from "./audit/screen.js";
import { screen as exams } from "./exams/exams.js";
import { screen as outbox } from "./outbox/screen.js";
import { screen as patients } from "./patients/screen.js";
import { screen as prints } from "./prints/screen.js";
import { screen as review } from "./review/screen.js";
import { screen as scan } from "./scan/scan.js";
import { screen as start } from "./start/screen.js";
import { screen as system } from "./system/screen.js";
import { screen as users } from "./access/users.js";
import { screen as watch } from "./watch/screen.js";

export const screens = [
  exams, scan, archive, datedScreen, studyScreen, rowScreen, review, outbox, system, start, users, audit, patients, prints, watch,
];
