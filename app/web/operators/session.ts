/** Who works here: the token, which lives as long as the tab, and the name that people read. */

import { type Language, chooseLanguage, preferredLanguage } from "../common/language.ts";
import { keep, recall } from "../common/storage.ts";
import { Store } from "../common/store.ts";

interface Session {
  /** The operator's token; null while nobody is signed in. It is sent as a header and never in an address. */
  token: string | null;
  name: string;
  language: Language;
  /** Why somebody was signed out, if it was not their own wish. */
  ended: "refused" | null;
  /** Whether single keys do something in the review queue. */
  keys: boolean;
}

export const session = new Store<Session>({
  token: recall<string>("operator.token", "visit"),
  name: recall<string>("operator.name") ?? "",
  language: preferredLanguage(),
  ended: null,
  keys: recall<boolean>("operator.keys") ?? true,
});
chooseLanguage(session.now.language);

export function signIn(token: string, name: string): void {
  keep("operator.token", token, "visit");
  keep("operator.name", name);
  session.set({ token, name, ended: null });
}

export function signOut(ended: "refused" | null = null): void {
  keep("operator.token", null, "visit");
  session.set({ token: null, ended });
}

export function speak(language: Language): void {
  chooseLanguage(language);
  session.set({ language });
}

export function chooseKeys(keys: boolean): void {
  keep("operator.keys", keys);
  session.set({ keys });
}
