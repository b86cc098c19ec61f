/** Server-sent events, read as the HTML standard says, from bytes that arrive in any pieces. */
/** One event of a stream. */
export interface Frame {
    /** Its place; empty where it has none. */
    id: string;
    type: string;
    data: string;
}
/** Turns bytes into frames; keeps what is incomplete until the rest arrives. */
export declare class EventStreamParser {
    private readonly decoder;
    private rest;
    private afterReturn;
    private id;
    private type;
    private data;
    /** Take bytes and return the frames that they complete. */
    push(bytes: Uint8Array): Frame[];
    private dispatch;
    private field;
}
/** Whether an id `{epoch}-{seq}` comes after another. */
export declare function isAfter(id: string, other: string): boolean;
