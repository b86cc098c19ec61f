/** What goes wrong: an answer that is a refusal, or no answer. */
import type { FormMistake, Problem } from "./schema.js";
/** A refusal by the server, read from its problem document (RFC 9457). */
export declare class TriageError extends Error {
    readonly name = "TriageError";
    /** The HTTP status. */
    readonly status: number;
    /** The stable name of the kind of problem, such as `urn:triage:problem:turn-busy`. */
    readonly type: string;
    /** Its last part, to `switch` on: `turn-busy`; empty where the answer was no problem document. */
    readonly kind: string;
    /** What happened and what to do about it; fit to show. */
    readonly detail: string;
    /** Seconds after which trying again makes sense; null where the server does not say. */
    readonly retryAfter: number | null;
    /** Whether the same request may succeed later: the client has tried for as long as it does. */
    readonly passing: boolean;
    /** With `form-invalid`: what is wrong with which field, fit to show. */
    readonly errors: FormMistake[] | null;
    /** The whole problem document, where there was one. */
    readonly problem: Problem | null;
    constructor(status: number, problem: Problem | null, retryAfter?: number | null);
}
/**
 * The server could not be reached for as long as the client tries (`retryForMs`). Nothing is lost: a
 * message that was being sent is still pending, see `TriageClient.pendingTurns`.
 */
export declare class ConnectionLost extends Error {
    readonly name = "ConnectionLost";
}
/** The analysis was given up or cancelled: a person of the organisation looks at the case. */
export declare class AnalysisFailed extends Error {
    /** `dead`: given up after too many attempts; or `cancelled` by an operator. */
    readonly state: string;
    readonly name = "AnalysisFailed";
    constructor(
    /** `dead`: given up after too many attempts; or `cancelled` by an operator. */
    state: string);
}
