// What the browser remembers for us; nothing in frames that may not (a notebook's, with a strict browser).
// SPDX-License-Identifier: Apache-2.0

export function recall(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

/** null forgets. */
export function remember(key: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, value);
  } catch {
    // it holds until the page is left
  }
}
