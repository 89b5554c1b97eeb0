// The script of the pages: what only a browser can do. Pages work without it.
import { copying, selecting } from "./copy.js";
import { dropping } from "./drop.js";
import { editor } from "./editor.js";
import { follow } from "./log.js";
import { keys } from "./keys.js";
import { live } from "./live.js";

const log = document.querySelector<HTMLElement>("[data-stream]");
if (log) {
  follow(log);
} else {
  live();
}
editor();
keys();
copying();
selecting();
dropping();
