/** What outlives a reload, by way of the client's store: tokens, variants, messages on their way. */
import type { PendingTurn, TriageStore } from "./types.js";
/** Reads and writes what belongs to cases. */
export declare class Shelf {
    private readonly store;
    /** Serialises the changes of a list, which is read, changed and written. */
    private last;
    constructor(store: TriageStore);
    token(caseId: string): Promise<string | null>;
    variant(caseId: string): Promise<string | undefined>;
    opened(caseId: string, token: string, variant?: string): Promise<void>;
    pending(caseId: string): Promise<PendingTurn[]>;
    /** Keep a message until it is settled; with the same key, what is kept is replaced. */
    keep(caseId: string, turn: PendingTurn): Promise<void>;
    /** Forget a message that is answered, or refused. */
    settle(caseId: string, key: string): Promise<void>;
    /** Forget everything about a case. */
    forget(caseId: string): Promise<void>;
    private change;
}
