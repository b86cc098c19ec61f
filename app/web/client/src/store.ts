/** Where tokens and messages on their way are kept. */

import type { TriageStore } from "./types.js";

/** A store that is gone with the page, for servers and for people on shared devices. */
export function memoryStore(): TriageStore {
  const kept = new Map<string, string>();
  return {
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => void kept.set(key, value),
    removeItem: (key) => void kept.delete(key),
  };
}
