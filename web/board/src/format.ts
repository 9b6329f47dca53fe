// How numbers and times are written: on axes, in tables, in tooltips.
// SPDX-License-Identifier: Apache-2.0

const SUFFIXES = ["", "k", "M", "G", "T"];

/** 12,345 as "12.3k": for counts and steps on axes. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  let v = Math.abs(value);
  if (v !== 0 && v < 1) return number(value);
  let i = 0;
  for (; v >= 1000 && i < SUFFIXES.length - 1; i++) v /= 1000;
  return (value < 0 ? "-" : "") + Number(v.toPrecision(4)) + SUFFIXES[i];
}

/** Ticks of an axis of counts: all short, or all in full where short ones would not differ. */
export function ticks(values: number[]): string[] {
  const texts = values.map(short);
  if (new Set(texts).size === texts.length && texts.every((text) => text.length < 6)) return texts;
  return values.map((v) => (Number.isInteger(v) ? v.toLocaleString("en") : ""));
}

/** Four to six significant digits, an exponent where zeros would be many. */
export function number(value: number, digits = 4): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value > 0 ? "∞" : "-∞";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e7))
    return value
      .toExponential(digits - 1)
      .replace(/\.?0+e/, "e")
      .replace("e+", "e");
  return String(Number(value.toPrecision(digits)));
}

/** Seconds as "1.5 s", "12 min", "3 h 20 min". */
export function duration(seconds: number): string {
  const s = Math.abs(seconds);
  const sign = seconds < 0 ? "-" : "";
  if (s === 0) return "0 s";
  if (s < 1) return `${sign}${Number((s * 1000).toPrecision(3))} ms`;
  if (s < 120) return `${sign}${Number(s.toPrecision(3))} s`;
  if (s < 7200) return `${sign}${Number((s / 60).toPrecision(3))} min`;
  if (s < 172800) return `${sign}${Number((s / 3600).toPrecision(3))} h`;
  return `${sign}${Number((s / 86400).toPrecision(3))} d`;
}

const CLOCK = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

export function clock(wall: number): string {
  return Number.isFinite(wall) ? CLOCK.format(new Date(wall * 1000)) : "";
}

export function bytes(n: number): string {
  if (n < 1024) return `${n} B`;
  const i = Math.min(3, Math.floor(Math.log2(n) / 10));
  return `${Number((n / 1024 ** i).toPrecision(3))} ${["B", "KiB", "MiB", "GiB"][i]}`;
}

export function microseconds(us: number): string {
  return us < 1000 ? `${Number(us.toPrecision(3))} µs` : duration(us / 1e6);
}

export function count(n: number, one: string, many = one + "s"): string {
  return `${n.toLocaleString("en")} ${n === 1 ? one : many}`;
}
