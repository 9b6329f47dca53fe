// Dark or light: as the system says, until somebody chooses.
// SPDX-License-Identifier: Apache-2.0
import { tell } from "./board";
import { forgetInk, isDark } from "./colors";

const STORE = "leat-board-theme";
const system = matchMedia("(prefers-color-scheme: dark)");

function apply(): void {
  const chosen = localStorage.getItem(STORE);
  document.documentElement.dataset["theme"] = chosen ?? (system.matches ? "dark" : "light");
  forgetInk();
  tell(["theme"]);
}

export function startTheme(): void {
  system.addEventListener("change", apply);
  apply();
}

export function turnTheme(): void {
  const next = isDark() ? "light" : "dark";
  if (next === (system.matches ? "dark" : "light")) localStorage.removeItem(STORE);
  else localStorage.setItem(STORE, next);
  apply();
}
