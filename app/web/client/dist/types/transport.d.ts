/** Calls of the server: tried again while a try makes sense, each bounded in time. */
/** One request. */
export interface Call {
    method: "GET" | "POST" | "PUT" | "DELETE";
    /** Behind `/api/v2/triage`. */
    path: string;
    token?: string | null;
    /** The idempotency key: the same for every try. */
    key?: string;
    body?: unknown;
    headers?: Record<string, string>;
    signal?: AbortSignal | undefined;
}
/** An answer that was read to its end. */
export interface Reply<T> {
    status: number;
    headers: Headers;
    value: T;
}
/** How often and how long a server is called. */
export interface TransportOptions {
    baseUrl: string;
    fetch: typeof globalThis.fetch;
    retryForMs: number;
    timeoutMs: number;
}
/** Speaks HTTP. */
export declare class Transport {
    readonly options: TransportOptions;
    constructor(options: TransportOptions);
    /** Call until it works, trying is useless, or it took too long.
     *
     * Throws `TriageError`, `ConnectionLost`, or the signal's reason.
     */
    call<T>(call: Call): Promise<Reply<T>>;
    /** Call once and read the answer. */
    once<T>(call: Call): Promise<Reply<T>>;
    /** Send a request and return what answers; throws a refusal. */
    open(call: Call, signal: AbortSignal): Promise<Response>;
}
/** A row of failures: whether to go on, and after how long. */
export declare class Trying {
    private readonly retryForMs;
    private tries;
    private since;
    constructor(retryForMs: number);
    /** Return the milliseconds to wait before the next try; throws where there should be none. */
    failed(error: unknown): number;
    /** Milliseconds since the first failure in a row; null where there is none. */
    worked(): number | null;
}
/** Seconds that a server asks to wait; null where it does not. */
export declare function retryAfter(headers: Headers): number | null;
