// Copies a text, and selects all rows of a table.

async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text); // undefined without HTTPS
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

export function copying(): void {
  document.addEventListener("click", async (event) => {
    const button = (event.target as Element).closest<HTMLElement>("[data-copy]");
    if (!button || !(await copy(button.dataset.copy ?? ""))) return;
    button.focus();
    button.classList.add("done");
    const announce = document.getElementById("announce");
    if (announce) announce.textContent = `${announce.dataset.copied ?? ""}: ${button.dataset.copy ?? ""}`;
  });
}

export function selecting(): void {
  document.addEventListener("change", (event) => {
    const all = event.target as HTMLInputElement;
    if (!("all" in all.dataset)) return;
    for (const box of all.form?.querySelectorAll<HTMLInputElement>("[name=select]") ?? []) box.checked = all.checked;
  });
}
