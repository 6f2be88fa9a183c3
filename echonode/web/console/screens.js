// The screens of the console, the start first. Each is a folder with its own words and styles;
// index.html names its style sheet.
import { screen as overview } from "./overview/screen.js";

export const screens = [overview];
