/** What does not change while somebody works: the playbooks, and what they call things. */

import { createContext } from "preact";
import { useContext } from "preact/hooks";

import type { PlaybookView } from "../client/src/schema.ts";
import { Names } from "./bits.tsx";

export interface Known {
  playbooks: PlaybookView[];
  names: Names;
}

export const KnownContext = createContext<Known>({ playbooks: [], names: new Names([], "en") });

export function useKnown(): Known {
  return useContext(KnownContext);
}
