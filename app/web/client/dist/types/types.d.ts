/** What goes in and comes out of the client. What travels is typed by the API's own document. */
import type { AnalysisQueued as WireAnalysisQueued, CaseEvent as WireCaseEvent, Delta, Form, JobView, Snapshot, Started, Status, StreamClosing, TurnAnswer, TurnCancelled, TurnCompleted as WireTurnCompleted, TurnFailed as WireTurnFailed, TurnRestarted, TurnStarted } from "./schema.js";
/** What a person meets: `v1` is a form, `v2` a conversation. */
export type Variant = "v1" | "v2";
/** A new case, as `startTriage` returns it; its token is in the client's store already. */
export type TriageCase = FormCase | ConversationCase;
/** A case whose intake begins with a form; null where its playbook has none. */
export type FormCase = Omit<Started, "variant" | "form"> & {
    variant: "v1";
    form: Form | null;
};
/** A case that is a conversation from its first word. */
export type ConversationCase = Omit<Started, "variant" | "form"> & {
    variant: "v2";
    form?: null;
};
/** How to begin. */
export interface StartOptions {
    /** Playbook id; the server's default if absent. */
    playbook?: string;
    /** Preferred language, such as `pt-BR` or `en`. */
    locale?: string;
    /** Your own reference of the person. The same reference always meets the same variant. */
    userRef?: string;
    /** Targeting attributes for experiments. */
    attributes?: Record<string, string>;
    /**
     * A random key of your own for this case, which you keep until you have it: whoever asks again
     * within ten minutes, also after a reload, gets the same case. By default one is made for this call.
     */
    idempotencyKey?: string;
    /** Gives up when it fires. */
    signal?: AbortSignal;
}
/** What to do with a message while a turn is running. */
export type OnBusy = "enqueue" | "reject" | "interrupt";
/** How to say something. */
export interface SayOptions {
    /** `enqueue` (default) answers after the running turn, `reject` throws 409, `interrupt` stops it. */
    onBusy?: OnBusy;
    /** Stops reading. The turn goes on by itself: `cancelTurn` stops that. */
    signal?: AbortSignal;
    /** A key of your own for this message; by default one is made and kept until the turn is over. */
    idempotencyKey?: string;
}
/** How to come back to a turn. */
export interface ResumeOptions {
    /** The last event id that was seen; from the beginning if absent. */
    after?: string;
    /** Stops reading. */
    signal?: AbortSignal;
}
/** The turn has been accepted: from here on it cannot be lost. Made by the client. */
export interface TurnAccepted {
    type: "turn.accepted";
    turn: number;
}
/** The connection broke, or is back. Made by the client, which goes on by itself. */
export interface Connection {
    type: "connection";
    state: "lost" | "restored";
    /** With `lost`: milliseconds until the next try. */
    retryInMs?: number;
    /** With `lost`: whether the browser says that it has no network at all. */
    offline?: boolean;
}
/**
 * The turn is done and stored. `message` is the whole answer and counts, whatever was shown before.
 * Where the answer came without a stream, `length`, `sha256` and `usage` are absent.
 */
export type TurnCompleted = Omit<WireTurnCompleted, "length" | "sha256" | "usage"> & Partial<Pick<WireTurnCompleted, "length" | "sha256" | "usage">>;
/** The interview is over and its analysis goes on in the background: one may leave. */
export type AnalysisQueued = Omit<WireAnalysisQueued, "ahead"> & Partial<Pick<WireAnalysisQueued, "ahead">>;
/** The turn was stopped; `message` is what was said until then. */
export type TurnStopped = Omit<TurnCancelled, "length" | "sha256"> & Partial<Pick<TurnCancelled, "length" | "sha256">>;
/** Nobody could answer. The message is kept; `message` is a sentence fit to show. */
export type TurnFailed = Pick<WireTurnFailed, "type" | "turn" | "message"> & Partial<Pick<WireTurnFailed, "code" | "retryable" | "retry_after_ms">>;
/** What ends a turn: exactly one of these. */
export type TerminalEvent = TurnCompleted | TurnStopped | TurnFailed;
/** What happens in a turn, in order and each once. `id` is its place, where it has one. */
export type TurnEvent = (TurnAccepted | Connection | TurnStarted | Status | Delta | TurnRestarted | Snapshot | AnalysisQueued | TerminalEvent) & {
    id?: string;
};
/** What happens to a case, in order and each once. */
export type CaseEvent = (Exclude<WireCaseEvent, StreamClosing> | Connection) & {
    id?: string;
};
/** A whole turn: the answer, and the result where there is one. */
export type Answer = TurnAnswer;
/** How to wait for a result. */
export interface WaitOptions {
    /** Hears of the analysis as it goes on. */
    onProgress?: (progress: Progress) => void;
    /** Gives up when it fires. */
    signal?: AbortSignal;
}
/** How a background analysis stands. */
export interface Progress {
    /** `null` while none was asked for. */
    state: JobView["state"] | null;
    /** Steps that are done, and how many are expected; absent until the first is done. */
    done?: number;
    of?: number;
}
/** Options of a single call. */
export interface CallOptions {
    signal?: AbortSignal;
}
/** Options of a call that gives the case something to do. */
export interface CommandOptions extends CallOptions {
    /** A key of your own; by default one is made, and kept for as long as the call is tried. */
    idempotencyKey?: string;
}
/** What was answered in a form, by the fields' names. */
export type FormAnswers = Record<string, string | string[]>;
/** A message that was begun and whose end was not seen: by this client, or before a reload. */
export interface PendingTurn {
    key: string;
    message: string;
    onBusy?: OnBusy;
    /** The turn, once it was accepted. */
    turn?: number;
    /** Unix time in milliseconds. */
    at: number;
}
/**
 * Where tokens and unsent messages are kept: `localStorage` fits as it is. The default keeps them in
 * memory, so a reload forgets them.
 */
export interface TriageStore {
    getItem(key: string): string | null | Promise<string | null>;
    setItem(key: string, value: string): unknown;
    removeItem(key: string): unknown;
}
/**
 * What the frontend's own analytics may hear, with the variant of the case. Never what somebody
 * said: only what happened, to which case, and how long it took.
 */
export type TriageEvent = {
    case_id: string;
    /** Absent where the client did not see the case begin, or the reload was too long ago. */
    variant?: string;
    /** Unix time in milliseconds. */
    at: number;
} & ({
    name: "case.started";
    playbook: string;
    locale: string;
} | {
    name: "message.sent";
    turn: number;
} | {
    name: "turn.first_word";
    turn: number;
    ms: number;
} | {
    name: "turn.ended";
    turn: number;
    outcome: "completed" | "cancelled" | "failed";
    ms: number;
} | {
    name: "interview.completed";
    turn: number;
} | {
    name: "connection.lost";
    turn?: number;
} | {
    name: "connection.restored";
    turn?: number;
    ms: number;
} | {
    name: "stream.replaced";
} | {
    name: "result.received";
    code: string | null;
    urgency: string;
} | {
    name: "form.begun";
} | {
    name: "form.submitted";
} | {
    name: "form.refused";
    fields: string[];
} | {
    name: "fact.corrected";
    slot: string;
} | {
    name: "human.asked";
} | {
    name: "rated";
    score: number;
} | {
    name: "push.subscribed";
} | {
    name: "link.made";
} | {
    name: "link.opened";
} | {
    name: "case.exported";
} | {
    name: "case.erased";
});
/** How a client is set up; every field has a default. */
export interface TriageOptions {
    /** Where the server is: `https://triage.example.org`. By default the page's own host. */
    baseUrl?: string;
    /** Another `fetch`, for tests and proxies. */
    fetch?: typeof globalThis.fetch;
    /** Where tokens and unsent messages are kept; memory by default. */
    store?: TriageStore;
    /** A credential for cases whose token the store has not: an API key, of an integration. */
    token?: string | (() => string | null | Promise<string | null>);
    /** Hears what happens, for your own analytics. */
    onEvent?: (event: TriageEvent) => void;
    /** How long a call is tried again without success, in milliseconds (default 5 minutes). */
    retryForMs?: number;
    /** How long one try of a call may take (default 60 s). */
    timeoutMs?: number;
    /** A stream on which nothing at all came for so long is opened anew (default 25 s). */
    silenceMs?: number;
}
