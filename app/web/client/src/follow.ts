/** Following a stream of events: in order, each once, whatever the network does. */

import { type Frame, EventStreamParser, isAfter } from "./sse.js";
import { type Call, type Transport, Trying } from "./transport.js";
import type { Connection } from "./types.js";
import { isOnline, Patience, pause, Silence } from "./waiting.js";

/** How long after its head a stream may keep back its first byte, which is sent at once. */
const FIRST_BYTE_MS = 8_000;
/** So often in a row nothing may come at all before a stream is given up for plain requests. */
const SILENT_OPENINGS = 2;

/** Something between here and the server lets no stream through: ask without one. */
export class NoStream extends Error {
  override readonly name = "NoStream";
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
export type Followed = Connection | Received | { opened: true };

/**
 * Yield the events of a stream, and each loss and recovery of its connection, until its last event
 * or an answer that there is nothing more. Frames that were seen are not yielded again.
 *
 * Throws `NoStream` where no stream comes through, and otherwise what `Transport.call` throws.
 */
export async function* follow(plan: Following): AsyncGenerator<Followed> {
  const { transport, signal, silenceMs } = plan;
  const trying = new Trying(transport.options.retryForMs);
  let last = plan.after;
  let lost = false;
  let silent = 0;
  for (;;) {
    let failure: unknown = new Error("the stream ended early");
    let closing = false;
    const patience = new Patience(signal);
    try {
      patience.start(silenceMs);
      const call = await plan.call(last);
      const accept = { Accept: "text/event-stream", ...call.headers };
      const response = await transport.open({ ...call, headers: accept }, patience.signal);
      patience.rest();
      plan.opened?.(response);
      if (lost) yield { type: "connection", state: "restored" };
      lost = false;
      yield { opened: true };
      if (response.status === 204) return;
      if (!response.headers.get("Content-Type")?.startsWith("text/event-stream")) {
        throw new NoStream("the answer is no event stream");
      }
      const heard = () => {
        silent = 0;
        trying.worked();
      };
      for await (const frame of frames(response, patience, silenceMs, heard)) {
        if (frame.type === "stream.closing") {
          closing = true;
          break;
        }
        // A snapshot says where to go on from, also where that lies behind what was seen.
        const told = frame.id !== "" && last !== null && !isAfter(frame.id, last);
        if (told && frame.type !== "snapshot") continue;
        last = frame.id || last;
        heard();
        yield { frame, data: JSON.parse(frame.data) as Record<string, unknown> };
        if (plan.isLast(frame)) return;
      }
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      if (error instanceof NoStream) throw error;
      failure = patience.signal.aborted ? patience.signal.reason : error;
    } finally {
      patience.end();
    }
    if (failure instanceof Silence && ++silent >= SILENT_OPENINGS) {
      throw new NoStream("streams do not come through");
    }
    const retryInMs = trying.failed(failure);
    if (!closing) {
      lost = true;
      yield { type: "connection", state: "lost", retryInMs, offline: !isOnline() };
    }
    await pause(retryInMs, signal);
  }
}

async function* frames(
  response: Response,
  patience: Patience,
  silenceMs: number,
  heard: () => void,
): AsyncGenerator<Frame> {
  if (!response.body) throw new NoStream("this browser reads no streams");
  const reader: ReadableStreamDefaultReader<Uint8Array> = response.body.getReader();
  const parser = new EventStreamParser();
  let bound = Math.min(silenceMs, FIRST_BYTE_MS);
  let pieces = 0;
  // Only the wait for bytes counts: whoever reads the events may take all the time they like.
  for (;;) {
    patience.start(bound);
    const { done, value } = await reader.read();
    patience.rest();
    if (done) return;
    bound = silenceMs;
    // The first piece opens every stream, also one that ends at once; later ones say that it lives.
    if (++pieces > 1) heard();
    yield* parser.push(value);
  }
}
