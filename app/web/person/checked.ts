/** Which papers were ticked off; kept on this device, for the case at hand. */

import { useState } from "preact/hooks";

import { keep, recall } from "../common/storage.ts";

interface Kept {
  id: string;
  papers: string[];
}

export function useChecked(id: string): [ReadonlySet<string>, (paper: string) => void] {
  const [checked, setChecked] = useState<ReadonlySet<string>>(() => {
    const kept = recall<Kept>("papers");
    return new Set(kept?.id === id ? kept.papers : []);
  });
  const toggle = (paper: string) => {
    const next = new Set(checked);
    if (!next.delete(paper)) next.add(paper);
    keep("papers", { id, papers: [...next] } satisfies Kept);
    setChecked(next);
  };
  return [checked, toggle];
}
