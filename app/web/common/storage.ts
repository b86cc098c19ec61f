/** What this device keeps. A browser that forbids storage still serves the one visit. */

const PREFIX = "triage.";

export type Shelf = "device" | "visit";

/** What was kept under a name; null if there is nothing, or nothing that can be read. */
export function recall<T>(name: string, shelf: Shelf = "device"): T | null {
  try {
    return JSON.parse(of(shelf).getItem(PREFIX + name) ?? "null") as T | null;
  } catch {
    return null;
  }
}

/** Keep a value under a name, or with null forget it. */
export function keep(name: string, value: unknown, shelf: Shelf = "device"): void {
  try {
    if (value === null) of(shelf).removeItem(PREFIX + name);
    else of(shelf).setItem(PREFIX + name, JSON.stringify(value));
  } catch {
    // Storage is full or forbidden: nothing outlives this visit.
  }
}

/** Forget everything that was kept, on both shelves. */
export function forgetAll(): void {
  for (const shelf of ["device", "visit"] as const) {
    try {
      for (const name of Object.keys(of(shelf))) {
        if (name.startsWith(PREFIX)) of(shelf).removeItem(name);
      }
    } catch {
      // There was nothing to forget.
    }
  }
}

function of(shelf: Shelf): Storage {
  return shelf === "device" ? localStorage : sessionStorage;
}
