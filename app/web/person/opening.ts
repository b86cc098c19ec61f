/** The key under which this visit opens its case: whoever lost the answer asks for the same one. */

import { randomName } from "../common/random.ts";
import { keep, recall } from "../common/storage.ts";

interface Opening {
  key: string;
  /** What for: a key is good for one case. */
  asked: string;
  at: number;
}

/** So long the server answers a key again, less a moment. */
const GOOD_FOR_MS = 9 * 60_000;

/** The key for what is asked; after a reload the same, until the case is there. */
export function openingKey(...asked: (string | null)[]): string {
  const wanted = JSON.stringify(asked);
  const known = recall<Opening>("opening", "visit");
  if (known?.asked === wanted && Date.now() - known.at < GOOD_FOR_MS) return known.key;
  const made: Opening = { key: randomName(), asked: wanted, at: Date.now() };
  keep("opening", made, "visit");
  return made.key;
}

/** The case is there: the next one is another. */
export function opened(): void {
  keep("opening", null, "visit");
}
