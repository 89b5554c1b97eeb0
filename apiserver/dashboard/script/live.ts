// Replaces parts of the page by fragments that the server has rendered.
//
// A tab has one stream, which is closed while it is hidden. After a gap the page itself is read
// again: its new version continues the stream.

// Row is a change of one deployment. An empty html removes its row.
interface Row {
  id: string;
  html: string;
  from: string; // the state that it was counted in, or empty
  to: string;
}

// TypeScript's library has no Trusted Types, nor have older browsers.
declare global {
  interface Window {
    trustedTypes?: { createPolicy(name: string, rules: Policy): Policy };
  }
}

interface Policy {
  createHTML(html: string): string;
}

const asIs: Policy = { createHTML: (html) => html };
const policy = window.trustedTypes?.createPolicy("nufi", asIs) ?? asIs;

// The shortest time between two reads of the page, in milliseconds.
const pause = 2000;

// minRetry and maxRetry bound the time until a stream that has failed is opened again.
export const minRetry = 1000;
export const maxRetry = 30000;

// tickInterval is that of a timer, in milliseconds. A tick that is much later shows that the computer
// was asleep.
const tickInterval = 5000;

// endings are statuses after which the page is loaded again: the session has ended, the user may no longer
// see this, or it is deleted.
export const endings = [401, 403, 404];

export function parse(html: string): DocumentFragment {
  const template = document.createElement("template");
  template.innerHTML = policy.createHTML(html);
  return template.content;
}

// restore gives the elements after a replacement what the user has changed in those before it.
function restore(before: Element, after: Element): void {
  for (const box of before.querySelectorAll<HTMLInputElement>("input:checked")) {
    const same = after.querySelector<HTMLInputElement>(`input[name="${CSS.escape(box.name)}"][value="${CSS.escape(box.value)}"]`);
    if (same) same.checked = true;
  }
  for (const details of before.querySelectorAll<HTMLDetailsElement>("details[id]")) {
    const same = after.querySelector<HTMLDetailsElement>(`#${CSS.escape(details.id)}`);
    if (same) same.open = details.open;
  }
}

// replace replaces an element unless it is equal. It keeps the focus in it.
function replace(before: Element, after: Element): void {
  if (before.isEqualNode(after)) return;
  restore(before, after);
  const active = before.contains(document.activeElement) ? document.activeElement : null;
  before.replaceWith(after);
  for (const name of ["href", "popovertarget", "data-copy", "value", "aria-label"]) {
    const value = active?.getAttribute(name);
    const same = value && after.querySelector<HTMLElement>(`[${name}="${CSS.escape(value)}"]`);
    if (same) {
      same.focus();
      return;
    }
  }
}

// released is pending while the user holds a button or a key down. A browser drops the click if its
// element is replaced between the press and the release.
let released = Promise.resolve();

function watchPresses(): void {
  const ends = ["pointerup", "pointercancel", "contextmenu", "keyup", "blur"];
  function press(): void {
    const listening = new AbortController();
    released = new Promise((resolve) => {
      function end(): void {
        listening.abort();
        window.setTimeout(resolve); // the click follows in the same task
      }
      for (const name of ends) window.addEventListener(name, end, { capture: true, signal: listening.signal });
    });
  }
  window.addEventListener("pointerdown", press, { capture: true });
  window.addEventListener("keydown", press, { capture: true });
}

// notice shows a line above the content, or hides it.
export function notice(text: string): void {
  const line = document.getElementById("stale");
  if (line) {
    line.textContent = text;
    line.hidden = text === "";
  }
}

export function live(): void {
  let region = document.querySelector<HTMLElement>("[data-live]");
  if (!region) return;
  let source: EventSource | null = null;
  let retry = minRetry;
  let reading: number | undefined;
  let lastRead = 0;
  let leaving = false; // a form has been sent: its response replaces the page
  let reads = new AbortController();

  // read reads the page again and replaces its live parts.
  async function read(): Promise<void> {
    if (leaving) return; // A reload would cancel the navigation.
    reads = new AbortController();
    const response = await fetch(location.href, { headers: { Accept: "text/html" }, signal: reads.signal });
    if (leaving) return;
    if (endings.includes(response.status)) location.reload();
    if (!response.ok) throw new Error(response.statusText);
    const page = parse(await response.text());
    await released;
    if (leaving) return;
    const next = page.querySelector<HTMLElement>("[data-live]");
    if (!next || !region) return;
    const parts = page.querySelectorAll("[data-part]");
    document.querySelectorAll("[data-part]").forEach((part, i) => {
      const same = parts[i];
      if (same) replace(part, same);
    });
    replace(region, next);
    if (next.isConnected) region = next;
    else region.dataset.live = next.dataset.live;
  }

  // readSoon reads the page again, at most once in each pause. Jitter spreads the reads of many tabs.
  function readSoon(jitter: number): void {
    reading ??= window.setTimeout(() => {
      reading = undefined;
      lastRead = Date.now();
      read().catch(failed);
    }, Math.max(0, lastRead + pause - Date.now()) + jitter * Math.random());
  }

  function count(state: string, change: number): void {
    const shown = state && document.querySelector(`[data-count="${CSS.escape(state)}"]`);
    if (shown) shown.textContent = String(Math.max(0, Number(shown.textContent) + change));
  }

  function apply(change: Row): void {
    count(change.from, -1);
    count(change.to, 1);
    if (!change.from !== !change.to) count("All", change.to ? 1 : -1);
    const row = document.getElementById(change.id);
    if (row && change.html) {
      const next = parse(`<table><tbody>${change.html}</tbody></table>`).querySelector("tr");
      if (next) replace(row, next);
    } else if (row) {
      row.remove();
    } else if (change.html) {
      readSoon(pause); // its place follows from the order
    }
  }

  function open(): void {
    if (leaving || document.hidden || !region?.dataset.live) return;
    const stream = new EventSource(region.dataset.live);
    source = stream;
    stream.addEventListener("open", () => {
      retry = minRetry;
    });
    stream.addEventListener("row", (event) => void released.then(() => apply(JSON.parse(event.data as string) as Row)));
    stream.addEventListener("read", () => readSoon(0));
    stream.addEventListener("stale", (event) => notice(event.data as string));
    stream.addEventListener("end", failed);
    stream.addEventListener("error", failed);
  }

  function close(): void {
    source?.close();
    source = null;
  }

  function failed(): void {
    close();
    if (leaving) return;
    notice(document.getElementById("stale")?.dataset.offline ?? "");
    window.setTimeout(() => void resume(), retry);
    retry = Math.min(2 * retry, maxRetry);
  }

  async function resume(): Promise<void> {
    if (document.hidden || source) return;
    try {
      await read();
    } catch {
      failed();
      return;
    }
    open();
  }

  // stay resumes after a navigation that was cancelled or reverted.
  function stay(): void {
    leaving = false;
    void resume();
  }

  document.addEventListener("submit", () => {
    leaving = true;
    reads.abort();
    close();
  });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) close();
    else stay();
  });
  // A connection can end without an event while the computer sleeps.
  let tick = Date.now();
  window.setInterval(() => {
    const slept = Date.now() - tick > 4 * tickInterval;
    tick = Date.now();
    if (!slept) return;
    close();
    void resume();
  }, tickInterval);
  window.addEventListener("pagehide", close);
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) stay();
  });
  watchPresses();
  open();
}
