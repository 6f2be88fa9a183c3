// Starts the console.
import { startApp } from "./core/app.js";

startApp();
