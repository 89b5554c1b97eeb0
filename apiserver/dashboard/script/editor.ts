// Keeps the form and the YAML of the editor equal while the user types. The server renders both;
// this sends them and replaces the parts of the page that differ.

import { parse } from "./live.js";

// pause is the time after a key press until the form is sent, in milliseconds.
const pause = 40;

// rest is the time after a response without errors until the effect on what runs is requested, in
// milliseconds: it makes a dry run.
const rest = 600;

const part = "data-part";

// syncFocused copies all but the value to a field that the user is in.
function syncFocused(before: Element, after: Element): void {
  const input = before.querySelector("[id^=field-]");
  const next = after.querySelector("[id^=field-]");
  const invalid = next?.getAttribute("aria-invalid");
  if (invalid) input?.setAttribute("aria-invalid", invalid);
  else input?.removeAttribute("aria-invalid");
  for (const selector of ["input[type=hidden]", ".fieldError"]) {
    const replacement = after.querySelector(selector);
    if (replacement) before.querySelector(selector)?.replaceWith(replacement);
  }
}

// number shows a number for each line, before the server has marked those with errors.
function number(lines: Element | null, count: number): void {
  while (lines && lines.childElementCount > count) lines.lastElementChild?.remove();
  while (lines && lines.childElementCount < count) {
    const line = document.createElement("i");
    line.textContent = String(lines.childElementCount + 1);
    lines.append(line);
  }
}

// indent lets Tab insert spaces. Escape lets the next Tab move the focus.
function indent(text: HTMLTextAreaElement): void {
  let leaving = false;
  const hint = document.getElementById("tabHint");
  if (hint) hint.hidden = false;
  text.addEventListener("blur", () => (leaving = false));
  text.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      leaving = true;
    } else if (event.key === "Tab" && !leaving && !event.shiftKey && !event.ctrlKey && !event.altKey && !event.metaKey) {
      event.preventDefault();
      // Unlike setRangeText, this can be undone.
      document.execCommand("insertText", false, "  ");
    } else if (event.key !== "Tab" && event.key !== "Shift") {
      leaving = false;
    }
  });
}

export function editor(): void {
  const form = document.querySelector<HTMLFormElement>("form[data-editor]");
  const text = form?.querySelector("textarea");
  if (!form || !text) return;
  let timer: number | undefined;
  let sending = false;
  let changed = false;
  let effect: number | undefined;

  const lines = (): Element | null => form.querySelector(`[${part}=lines]`);

  function scroll(): void {
    const shown = lines();
    if (shown && text) shown.scrollTop = text.scrollTop;
  }

  // show replaces the parts that differ from those of the server's page.
  function show(next: DocumentFragment): void {
    for (const after of next.querySelectorAll(`[${part}]`)) {
      const before = form?.querySelector(`[${part}="${CSS.escape(after.getAttribute(part) ?? "")}"]`);
      if (!before) continue;
      if (before.contains(document.activeElement)) syncFocused(before, after);
      else if (!before.isEqualNode(after)) before.replaceWith(after);
    }
    const written = next.querySelector("textarea");
    if (!written || !text) return;
    if (written.value !== text.value) {
      const { selectionStart, selectionEnd, scrollTop } = text;
      text.value = written.value;
      text.setSelectionRange(selectionStart, selectionEnd);
      text.scrollTop = scrollTop;
    }
    for (const name of ["aria-invalid", "aria-describedby"]) {
      const value = written.getAttribute(name);
      if (value) text.setAttribute(name, value);
      else text.removeAttribute(name);
    }
    scroll();
  }

  // send sends the form unless a request is in flight, after which it sends what has changed
  // meanwhile. The response to a form that has changed is outdated and dropped.
  async function send(what = "draft"): Promise<void> {
    if (!form || sending || (!changed && what === "draft")) return;
    sending = true;
    changed = false;
    const body = new URLSearchParams();
    new FormData(form).forEach((value, name) => body.append(name, value as string));
    body.set("do", what);
    const url = form.querySelector<HTMLButtonElement>("button[value=yaml]")?.formAction ?? form.action;
    try {
      const response = await fetch(url, { method: "POST", body, headers: { Accept: "text/html" } });
      const page = parse(await response.text());
      if (response.ok && !changed) {
        show(page);
        if (what === "draft" && "effect" in form.dataset && !page.querySelector("#errors")) effect = window.setTimeout(() => void send("effect"), rest);
      }
    } catch {
      // The next change sends all of the form again, and the buttons work without the script.
    } finally {
      sending = false;
    }
    await send();
  }

  form.addEventListener("input", () => {
    changed = true;
    number(lines(), text.value.split("\n").length);
    scroll();
    window.clearTimeout(timer);
    window.clearTimeout(effect);
    timer = window.setTimeout(() => void send(), pause);
  });
  text.addEventListener("scroll", scroll);
  indent(text);
}
