/** Waiting: between tries, for as long as a server asks, and not for ever. */
/** Milliseconds before the next try: anything up to a bound that doubles, so that clients which
 * lost a server together do not come back together ("full jitter"). */
export declare function backoff(tries: number): number;
/** What a browser says of its network; true elsewhere. */
export declare function isOnline(): boolean;
/** Wait, but no longer than until a browser says that its network is back, or `woken` fires.
 *
 * Throws the signal's reason when that fires.
 */
export declare function pause(ms: number, signal?: AbortSignal, woken?: AbortSignal): Promise<void>;
/** A signal that fires with another one, or when nothing was heard for too long. */
export declare class Patience {
    private readonly outer?;
    private readonly controller;
    private timer;
    private readonly stop;
    private readonly cut;
    constructor(outer?: AbortSignal | undefined);
    /** What to give to `fetch`. */
    get signal(): AbortSignal;
    /** Begin to wait for something. */
    start(ms: number): void;
    /** It came. */
    rest(): void;
    /** Let go of everything, a connection that is still open included. */
    end(): void;
}
/** Nothing was heard for too long. */
export declare class Silence extends Error {
    readonly name = "Silence";
    constructor();
}
