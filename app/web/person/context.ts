/** What every part of the page is given: the session, its state, and the words to show it in. */

import { createContext } from "preact";
import { useContext } from "preact/hooks";

import type { Session } from "./session.ts";
import type { State } from "./state.ts";
import type { Texts } from "./texts.ts";

export interface Shared {
  session: Session;
  state: State;
  texts: Texts;
}

export const SharedContext = createContext<Shared | null>(null);

export function useSession(): Shared {
  const shared = useContext(SharedContext);
  if (!shared) throw new Error("drawn outside of the page");
  return shared;
}
