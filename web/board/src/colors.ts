// The colour of a run: its own if somebody chose one, else the next of an even walk round the colour circle
// (OKLCH).
// SPDX-License-Identifier: Apache-2.0
import { recall, remember } from "./memory";

const GOLDEN = 137.508; // degrees: neighbours differ, and no two come near each other for long
const STORE = "leat-board-colors";
const chosen: Record<string, string> = read();
const made = new Map<string, string>();

function read(): Record<string, string> {
  try {
    return JSON.parse(recall(STORE) ?? "{}") as Record<string, string>;
  } catch {
    return {};
  }
}

function channel(linear: number): string {
  const v = linear <= 0.0031308 ? 12.92 * linear : 1.055 * Math.max(0, linear) ** (1 / 2.4) - 0.055;
  return Math.round(255 * Math.min(1, Math.max(0, v)))
    .toString(16)
    .padStart(2, "0");
}

/** OKLCH (Ottosson's matrices) as "#rrggbb". */
export function oklch(lightness: number, chroma: number, hue: number): string {
  const a = chroma * Math.cos((hue * Math.PI) / 180);
  const b = chroma * Math.sin((hue * Math.PI) / 180);
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const red = 4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s;
  const green = -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s;
  const blue = -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s;
  return "#" + channel(red) + channel(green) + channel(blue);
}

export function isDark(): boolean {
  return document.documentElement.dataset["theme"] === "dark";
}

/** The colour of the n-th thing, readable on the theme's ground. */
export function nth(n: number): string {
  const key = `${n}${isDark() ? "d" : "l"}`;
  let color = made.get(key);
  if (!color) {
    const ring = Math.floor(n / 9) % 3; // every nine hues another lightness
    const lightness = (isDark() ? [0.76, 0.66, 0.84] : [0.58, 0.68, 0.46])[ring]!;
    color = oklch(lightness, 0.14, 250 + n * GOLDEN);
    made.set(key, color);
  }
  return color;
}

export function ofRun(index: number, name: string): string {
  return chosen[name] ?? nth(index);
}

export function choose(name: string, color: string | null): void {
  if (color) chosen[name] = color;
  else delete chosen[name];
  remember(STORE, JSON.stringify(chosen));
}

/** Colours of the theme, for canvases: read once per theme. */
export interface Ink {
  text: string;
  faint: string;
  grid: string;
  ground: string;
  accent: string;
}
let ink: Ink | null = null;

export function theInk(): Ink {
  if (!ink) {
    const style = getComputedStyle(document.documentElement);
    const of = (name: string): string => style.getPropertyValue(name).trim();
    ink = {
      text: of("--text"),
      faint: of("--faint"),
      grid: of("--grid"),
      ground: of("--card"),
      accent: of("--accent"),
    };
  }
  return ink;
}

export function forgetInk(): void {
  ink = null;
}
