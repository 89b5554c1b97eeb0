// The script of the pages: what only a browser can do. Pages work without it.
import { copying, selecting } from "./copy.js";
import { dropping } from "./drop.js";
import { editor } from "./editor.js";
import { follow } from "./log.js";
import { keys } from "./keys.js";
import { leaving } from "./leave.js";
import { live } from "./live.js";
import { searching } from "./search.js";
import { keepingPosition } from "./tabs.js";

const log = document.querySelector<HTMLElement>("#log");
if (log) searching(log);
if (log?.dataset.stream) {
  follow(log);
} else {
  live();
}
editor();
leaving();
keys();
copying();
selecting();
dropping();
keepingPosition(); // throws where site data is blocked
