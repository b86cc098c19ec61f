/** Following a stream of events: in order, each once, whatever the network does. */
import { type Frame } from "./sse.js";
import { type Call, type Transport } from "./transport.js";
import type { Connection } from "./types.js";
/** Something between here and the server lets no stream through: ask without one. */
export declare class NoStream extends Error {
    readonly name = "NoStream";
}
/** What to follow. */
export interface Following {
    transport: Transport;
    /** The request that opens the stream, or that comes back behind the last event. */
    call(last: string | null): Promise<Call> | Call;
    /** Hears the head of each answer. */
    opened?(response: Response): void;
    /** Whether an event is the last one. */
    isLast(frame: Frame): boolean;
    after: string | null;
    silenceMs: number;
    signal?: AbortSignal | undefined;
}
/** An event, parsed. */
export interface Received {
    frame: Frame;
    data: Record<string, unknown>;
}
/** What happened to the connection, or an event. */
export type Followed = Connection | Received | {
    opened: true;
};
/**
 * Yield the events of a stream, and each loss and recovery of its connection, until its last event
 * or an answer that there is nothing more. Frames that were seen are not yielded again.
 *
 * Throws `NoStream` where no stream comes through, and otherwise what `Transport.call` throws.
 */
export declare function follow(plan: Following): AsyncGenerator<Followed>;
