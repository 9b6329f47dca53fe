// Dark or light: as the system says, until somebody chooses.
// SPDX-License-Identifier: Apache-2.0
import { tell } from "./board";
import { forgetInk, isDark } from "./colors";
import { recall, remember } from "./memory";

const STORE = "leat-board-theme";
const system = matchMedia("(prefers-color-scheme: dark)");

let chosen = recall(STORE);

function apply(): void {
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
  chosen = next === (system.matches ? "dark" : "light") ? null : next;
  remember(STORE, chosen);
  apply();
}
