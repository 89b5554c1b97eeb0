// Keeps the position of the page from one tab of a deployment to the next: on a phone, the tabs are below
// the first screen.
const key = "nufi-scroll";

export function keepingPosition(): void {
  const tabs = document.querySelector<HTMLElement>(".tabs");
  const kept = sessionStorage.getItem(key);
  sessionStorage.removeItem(key);
  if (!tabs) return;
  if (kept) window.scrollTo(0, Number(kept));
  tabs.addEventListener("click", (event) => {
    if (!event.ctrlKey && !event.metaKey && !event.shiftKey) sessionStorage.setItem(key, String(window.scrollY));
  });
}
