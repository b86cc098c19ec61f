/** Server-sent events, read as the HTML standard says, from bytes that arrive in any pieces. */

/** One event of a stream. */
export interface Frame {
  /** Its place; empty where it has none. */
  id: string;
  type: string;
  data: string;
}

/** Turns bytes into frames; keeps what is incomplete until the rest arrives. */
export class EventStreamParser {
  private readonly decoder = new TextDecoder();
  private rest = "";
  private afterReturn = false;
  private id = "";
  private type = "";
  private data: string[] = [];

  /** Take bytes and return the frames that they complete. */
  push(bytes: Uint8Array): Frame[] {
    const frames: Frame[] = [];
    let text = this.decoder.decode(bytes, { stream: true });
    if (!text) return frames;
    // The line feed of a CRLF whose carriage return ended the last piece.
    if (this.afterReturn && text.startsWith("\n")) text = text.slice(1);
    this.afterReturn = text.endsWith("\r");
    const lines = (this.rest + text).split(/\r\n|\n|\r/);
    this.rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line) this.field(line);
      else this.dispatch(frames);
    }
    return frames;
  }

  private dispatch(frames: Frame[]): void {
    if (this.data.length) {
      frames.push({ id: this.id, type: this.type || "message", data: this.data.join("\n") });
    }
    this.id = "";
    this.type = "";
    this.data = [];
  }

  private field(line: string): void {
    const colon = line.indexOf(":");
    if (colon === 0) return; // a comment: a heartbeat
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "data") this.data.push(value);
    else if (name === "event") this.type = value;
    else if (name === "id" && !value.includes("\0")) this.id = value;
  }
}

/** Whether an id `{epoch}-{seq}` comes after another. */
export function isAfter(id: string, other: string): boolean {
  const [epoch, seq] = place(id);
  const [otherEpoch, otherSeq] = place(other);
  return epoch > otherEpoch || (epoch === otherEpoch && seq > otherSeq);
}

function place(id: string): [bigint, bigint] {
  const [epoch = "0", seq = "0"] = id.split("-");
  return [BigInt(epoch), BigInt(seq)];
}
