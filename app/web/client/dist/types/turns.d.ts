/** A turn: a message and its answer, by stream where there is one and without where there is none. */
import type { TurnAnswer } from "./schema.js";
import { type Call, type Transport } from "./transport.js";
import type { OnBusy, TerminalEvent, TurnEvent } from "./types.js";
/** Whether an event ends its turn. */
export declare function isTerminal(event: {
    type: string;
}): event is TerminalEvent;
/**
 * Return the answer's text after an event, from the text before it.
 *
 * @example
 * let text = "";
 * for await (const event of client.continueConversationStream(caseId, "I was dismissed.")) {
 *   text = textAfter(text, event);
 *   show(text);
 * }
 */
export declare function textAfter(text: string, event: TurnEvent): string;
/** A message on its way, or a turn that is followed again. */
export interface TurnPlan {
    transport: Transport;
    caseId: string;
    token: string | null;
    /** What is said, with its key; absent where only a known turn is followed. */
    said?: {
        message: string;
        key: string;
        onBusy?: OnBusy | undefined;
    };
    /** The turn, where it is known. */
    turn: number | null;
    after: string | null;
    silenceMs: number;
    signal?: AbortSignal | undefined;
    /** Hears that the answer goes on without a stream. */
    replaced?(): void;
}
/** Yield a turn's events to its terminal one. */
export declare function turnEvents(plan: TurnPlan): AsyncGenerator<TurnEvent>;
/** Say something and wait for the whole answer. */
export declare function turnAnswer(plan: TurnPlan, call: Call): Promise<TurnAnswer>;
/** The call that says something without a stream. */
export declare function saying(plan: TurnPlan): Call;
