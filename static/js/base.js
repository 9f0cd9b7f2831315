/** What every page needs: menus that close, copy buttons, local times in tooltips. */

import { toast } from "./ui/toast.js";

document.documentElement.classList.add("js");

function closeMenus(except) {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (menu !== except) menu.open = false;
  }
}

document.addEventListener("click", (event) => {
  closeMenus(event.target.closest("details.menu"));
  const button = event.target.closest("[data-copy]");
  if (button) copy(button.dataset.copy, button.dataset.copied);
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const menu = document.querySelector("details.menu[open]");
  if (!menu) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});

async function copy(text, told = "Copied. It asks with your session or an API key.") {
  try {
    await navigator.clipboard.writeText(text);
    toast(told);
  } catch {
    toast(`Copying is not allowed here. Mark it yourself: ${text}`);
  }
}

const local = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
document.addEventListener("pointerover", (event) => {
  const time = event.target.closest?.("time[datetime]");
  if (time && !time.title) time.title = `${local.format(new Date(time.dateTime))} local time`;
});
