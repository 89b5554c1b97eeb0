// Searches the log that a page shows: marks all matches, and Enter and Shift+Enter go through them.

// maxMatches bounds the marks of a search.
const maxMatches = 2000;

// rangesOf returns the matches within the text nodes of an element, in lower or upper case.
function rangesOf(log: HTMLElement, text: string): Range[] {
  const ranges: Range[] = [];
  for (const node of log.childNodes) {
    const content = node.textContent?.toLowerCase() ?? "";
    for (let at = content.indexOf(text); at >= 0 && ranges.length < maxMatches; at = content.indexOf(text, at + text.length)) {
      const range = new Range();
      try {
        range.setStart(node, at);
        range.setEnd(node, at + text.length);
      } catch {
        break; // lower case is longer than the text in some languages
      }
      ranges.push(range);
    }
  }
  return ranges;
}

export function searching(log: HTMLElement): void {
  const input = document.querySelector<HTMLInputElement>("#log-search");
  const found = document.querySelector<HTMLOutputElement>("#log-found");
  if (!input || !found) return;
  let ranges: Range[] = [];
  let current = -1;

  // mark colors the matches, where the browser can do that without changing the text.
  function mark(name: string, marked: Range[]): void {
    if (typeof Highlight !== "undefined") CSS.highlights.set(name, new Highlight(...marked));
  }

  function search(): void {
    const text = input?.value.toLowerCase() ?? "";
    ranges = text ? rangesOf(log, text) : [];
    current = -1;
    mark("found", ranges);
    mark("current", []);
    if (found) found.value = text ? String(ranges.length) : "";
  }

  function go(step: number): void {
    if (ranges.length === 0) return;
    current = (current + step + ranges.length) % ranges.length;
    const range = ranges[current];
    if (!range || !found) return;
    mark("current", [range]);
    log.scrollTop += range.getBoundingClientRect().top - log.getBoundingClientRect().top - log.clientHeight / 2;
    found.value = `${current + 1} / ${ranges.length}`;
  }

  input.addEventListener("input", search);
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    const before = current;
    search(); // the log may have grown
    current = before;
    if (current < 0 && event.shiftKey) current = 0;
    go(event.shiftKey ? -1 : 1);
  });
}
