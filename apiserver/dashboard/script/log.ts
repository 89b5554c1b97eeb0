// Follows a log. It scrolls with the last line, unless the user has scrolled up.

import { endings, maxRetry, minRetry, notice } from "./live.js";

// The number of lines that a page keeps.
const maxLines = 5000;

// A sequence of ECMA-48, and control characters.
const control = /\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)|[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]/g;

export function follow(log: HTMLElement): void {
  const pending: string[] = [];
  let fresh = false;
  let frame = 0;

  function atEnd(): boolean {
    return log.scrollHeight - log.scrollTop - log.clientHeight < 8;
  }

  function show(): void {
    frame = 0;
    const scrolls = atEnd();
    if (fresh) log.textContent = "";
    fresh = false;
    log.append(pending.join(""));
    pending.length = 0;
    while (log.childNodes.length > maxLines) log.firstChild?.remove();
    if (scrolls) log.scrollTop = log.scrollHeight;
  }

  function add(text: string): void {
    pending.push(text.replace(control, ""));
    frame ||= requestAnimationFrame(show);
  }

  let source: EventSource | null = null;
  let retry = minRetry;
  let ended = false; // another stream would end at once, too
  function open(): void {
    if (source || ended || document.hidden || !log.dataset.stream) return;
    const stream = new EventSource(log.dataset.stream);
    source = stream;
    stream.addEventListener("open", () => {
      retry = minRetry;
      notice("");
    });
    stream.addEventListener("pod", () => {
      fresh = true; // the stream begins with the end of the log
      pending.length = 0;
    });
    stream.addEventListener("message", (event) => add(`${event.data as string}\n`));
    stream.addEventListener("part", (event) => add(event.data as string));
    stream.addEventListener("end", (event) => {
      stream.close();
      const { detail, status } = JSON.parse(event.data as string) as { detail?: string; status?: number };
      if (status && status >= 500) {
        again();
        return;
      }
      ended = status !== undefined;
      if (status === 401) location.reload();
      else if (detail) add(`— ${detail}\n`);
    });
    stream.addEventListener("error", () => {
      if (stream.readyState === EventSource.CLOSED) again(); // otherwise the browser opens it again
    });
  }

  // again opens the stream later, as after a restart of the server or the node.
  function again(): void {
    source = null;
    notice(document.getElementById("stale")?.dataset.offline ?? "");
    window.setTimeout(() => void resume(), retry);
    retry = Math.min(2 * retry, maxRetry);
  }

  // resume opens the stream again, unless the log can no longer be read: then the page says why. An
  // EventSource has no status, so the log is read without a line.
  async function resume(): Promise<void> {
    if (source || ended || document.hidden || !log.dataset.stream) return;
    const url = new URL(log.dataset.stream, location.href);
    url.searchParams.delete("follow");
    url.searchParams.set("tail", "0");
    const response = await fetch(url).catch(() => null); // null without a connection
    if (response && endings.includes(response.status)) location.reload();
    else open();
  }

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      source?.close();
      source = null;
    } else {
      open();
    }
  });
  log.scrollTop = log.scrollHeight;
  open();
}
