/** What the page knows, and what it is drawn from. */

import type { Analysis, CaseTurn, CaseView, FormView, KnownFact } from "../client/src/index.ts";
import type { Language } from "../common/language.ts";

/** The parts of the page that can be looked at. */
export type Part = "form" | "talk" | "result";

/** What is asked or shown above the page. */
export type Asked = "menu" | "known" | "device" | "finish" | "human" | "restart" | "erase" | "link";

/** A sentence of the page about itself. */
export interface Notice {
  text: string;
  alarming: boolean;
}

/** A background analysis, as far as it was told. */
export interface Work {
  turn: number;
  state: "queued" | "running" | "failed";
  ahead: number;
  done: number;
  of: number;
  estimate: { half: number; most: number } | null;
  /** With `failed`: a sentence fit to show. */
  message: string;
}

/** How the wish to be told stands. */
export type Telling = "unknown" | "possible" | "asking" | "on" | "blocked" | "failed" | "impossible";

export interface Rated {
  score: number;
  comment: string;
}

export interface State {
  language: Language;
  phase: "opening" | "failed" | "open" | "erased" | "gone";
  /** With `failed`: why. */
  reason: string;
  part: Part;
  /** Parts in which something is new that was not looked at. */
  fresh: readonly Part[];
  asked: Asked | null;
  notice: Notice | null;
  network: "fine" | "offline" | "reconnecting" | "busy";

  /** The case as the server last told it. */
  view: CaseView | null;
  /** What was said and is not accepted yet. */
  sending: string | null;
  failures: Readonly<Record<number, { message: string; retryable: boolean }>>;
  form: FormView | null;
  work: Work | null;
  result: Analysis | null;
  /** Whether a newer result than the shown one is being made. */
  remaking: boolean;
  known: readonly KnownFact[] | null;
  rated: Rated | null;
  telling: Telling;
}

/** The answer that is being given, word by word; apart, because it changes so often. */
export interface Answering {
  /** The turn; null while nothing is being answered. */
  turn: number | null;
  words: readonly string[];
  status: "reading" | "analysing";
}

export const SILENT: Answering = { turn: null, words: [], status: "reading" };

/** Whether a turn is not over yet. */
export function isOpen({ outcome }: CaseTurn): boolean {
  return outcome === "running" || outcome === "queued";
}

/** Whether a human is waited for, or there. */
export function isWithHuman(view: CaseView | null): boolean {
  return view?.handoff?.status === "requested" || view?.handoff?.status === "taken";
}

export function firstState(language: Language): State {
  return {
    language,
    phase: "opening",
    reason: "",
    part: "talk",
    fresh: [],
    asked: null,
    notice: null,
    network: "fine",
    view: null,
    sending: null,
    failures: {},
    form: null,
    work: null,
    result: null,
    remaking: false,
    known: null,
    rated: null,
    telling: "unknown",
  };
}
