/** What all parts of the session share: the case at hand, the client, and how trouble is told. */

import { TriageClient, TriageError, type CaseTurn, type CaseView } from "../client/src/index.ts";
import { preferredLanguage } from "../common/language.ts";
import { keep, recall } from "../common/storage.ts";
import { Store } from "../common/store.ts";
import { firstState, type Answering, type Part, SILENT, type State } from "./state.ts";
import { textsOf, type Texts } from "./texts.ts";

/** For as long as the page is open: a message that waits for the network is never given up. */
const FOR_EVER = Number.MAX_SAFE_INTEGER;
/** Sentences that a screen reader may still be asked for again. */
const MOST_SPOKEN = 12;

/** What this device keeps of the case at hand; its token is in the client's store. */
export interface Kept {
  id: string;
  /** The playbook that the address asked for. */
  asked: string | null;
}

export interface Spoken {
  sentences: readonly { key: number; text: string }[];
}

export class Core {
  readonly store = new Store<State>(firstState(preferredLanguage()));
  readonly answering = new Store<Answering>(SILENT);
  /** What a screen reader is given to say: whole sentences, each once. */
  readonly spoken = new Store<Spoken>({ sentences: [] });
  readonly client: TriageClient;
  /** The case at hand; empty while there is none. */
  caseId = "";
  private life = new AbortController();
  private wanted: Part | null = null;
  private spokenCount = 0;

  constructor() {
    this.client = new TriageClient({
      store: {
        getItem: (name) => recall<string>(name),
        setItem: (name, value) => keep(name, value),
        removeItem: (name) => keep(name, null),
      },
      fetch: (input, init) => this.fetch(input, init),
      retryForMs: FOR_EVER,
    });
  }

  get texts(): Texts {
    return textsOf(this.store.now.language);
  }

  /** Fires when the case at hand is left. */
  get signal(): AbortSignal {
    return this.life.signal;
  }

  /** Turn to another case, or with an empty name to none; whatever went on for the old one ends. */
  turnTo(id: string): void {
    this.life.abort(new DOMException("another case", "AbortError"));
    this.life = new AbortController();
    this.caseId = id;
    this.answering.set(SILENT);
    const { language, network } = this.store.now;
    this.store.set({ ...firstState(language), network });
  }

  /** Do something for the case at hand; trouble is told, and what nobody waits for is not.
   *
   * Returns whether it was done. */
  async attempt(act: () => Promise<unknown>): Promise<boolean> {
    const { signal } = this;
    try {
      await act();
      return !signal.aborted;
    } catch (error) {
      if (!signal.aborted) this.tell(error);
      return false;
    }
  }

  /** Say what went wrong; a case that is gone is left. */
  tell(error: unknown): void {
    if (isGone(error)) {
      this.turnTo("");
      keep("case", null);
      this.store.set({ phase: "gone" });
      return;
    }
    if (!(error instanceof TriageError)) throw error;
    this.notice(`${this.texts.wrong} ${error.detail || error.message}`, true);
  }

  notice(text: string, alarming = false): void {
    this.store.set({ notice: text ? { text, alarming } : null });
  }

  /** Have a screen reader say something, as a whole. */
  announce(text: string): void {
    if (!text) return;
    const sentences = [...this.spoken.now.sentences, { key: this.spokenCount++, text }];
    this.spoken.set({ sentences: sentences.slice(-MOST_SPOKEN) });
  }

  /** Show a part of the page, and with `focus` let the keyboard begin there. */
  show(part: Part, focus = false): void {
    if (focus) this.wanted = part;
    const { fresh } = this.store.now;
    this.store.set({ part, asked: null, fresh: fresh.filter((one) => one !== part) });
  }

  /** Something new is in a part: mark it, where it is not being looked at. */
  freshen(part: Part): void {
    const { fresh, part: shown } = this.store.now;
    if (part !== shown && !fresh.includes(part)) this.store.set({ fresh: [...fresh, part] });
  }

  /** Whether a part that was just drawn is to take the focus; asked once. */
  takeFocus(part: Part): boolean {
    if (this.wanted !== part) return false;
    this.wanted = null;
    return true;
  }

  /** Change the turn of a number, or add it. */
  putTurn(turn: Partial<CaseTurn> & { turn: number }): void {
    const { view } = this.store.now;
    if (!view) return;
    const known = view.turns.find((one) => one.turn === turn.turn);
    const turns = known
      ? view.turns.map((one) => (one === known ? { ...one, ...turn } : one))
      : [...view.turns, { ...EMPTY_TURN, ...turn }].sort((one, two) => one.turn - two.turn);
    this.putView({ turns });
  }

  putView(changes: Partial<CaseView>): void {
    const { view } = this.store.now;
    if (view) this.store.set({ view: { ...view, ...changes } });
  }

  /** Every call goes through here, so that the page knows how its network is. */
  private async fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
    try {
      const response = await fetch(input, init);
      const busy = response.status === 429 || response.status >= 502;
      this.store.set({ network: busy ? "busy" : "fine" });
      return response;
    } catch (error) {
      if (!this.signal.aborted) this.lost();
      throw error;
    }
  }

  /** The connection broke. */
  lost(): void {
    this.store.set({ network: navigator.onLine ? "reconnecting" : "offline" });
  }
}

const EMPTY_TURN: CaseTurn = {
  turn: 0,
  kind: "say",
  message: "",
  reply: "",
  operator: null,
  outcome: "running",
  at: 0,
};

function isGone(error: unknown): boolean {
  if (!(error instanceof TriageError)) return false;
  return error.status === 401 || error.status === 410 || error.kind === "case-not-found";
}
