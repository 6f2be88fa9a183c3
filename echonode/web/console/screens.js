// The screens of the console, the start first. Each is a folder with its own words and styles;
// index.html names its style sheet.
import { screen as exams } from "./exams/exams.js";
import { screen as outbox } from "./outbox/screen.js";
import { screen as scan } from "./scan/scan.js";
import { screen as start } from "./start/screen.js";
import { screen as system } from "./system/screen.js";

export const screens = [exams, scan, outbox, system, start];
