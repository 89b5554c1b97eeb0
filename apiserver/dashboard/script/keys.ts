// The keys: "?" shows them, and "/" goes to the search.

export function keys(): void {
  document.addEventListener("keydown", (event) => {
    const target = event.target as HTMLElement;
    if (event.ctrlKey || event.metaKey || event.altKey || target.closest("input, select, textarea")) return;
    if (event.key === "?") {
      document.getElementById("keys")?.togglePopover();
    } else if (event.key === "/") {
      const search = document.querySelector<HTMLElement>("input[type=search]");
      if (!search) return;
      search.focus();
    } else {
      return;
    }
    event.preventDefault();
  });
}
