/** Talking to the server: calls that are tried again while a try makes sense, and a turn's events,
 * in order and each once, whatever the network does. */

const BASE = "/api/v2/triage";
const SILENCE = 25_000; // the server sends a heartbeat every 10 s
const PATIENCE = 60_000;
const PASSING = new Set([408, 425, 429, 502, 503, 504]);
/** The events that end a turn. */
export const TERMINAL = new Set(["turn.completed", "turn.cancelled", "turn.failed"]);

/** An answer that is not a success: an `application/problem+json` body, where there is one. */
export class Problem extends Error {
  constructor(status, detail, wait) {
    super(detail);
    this.status = status;
    this.wait = wait;
  }
}

/** One call; answers the response, or throws a Problem, or what `fetch` throws without a network. */
export async function call(method, path, { token, key, body, last, signal, accept } = {}) {
  const headers = { Accept: accept ?? "application/json" };
  if (token) headers.Authorization = `Bearer ${token}`;
  if (key) headers["Idempotency-Key"] = key;
  if (body) headers["Content-Type"] = "application/json";
  if (last) headers["Last-Event-ID"] = last;
  const response = await fetch(BASE + path, {
    method,
    headers,
    body: body && JSON.stringify(body),
    signal: signal ?? AbortSignal.timeout(PATIENCE),
    cache: "no-store",
  });
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({}));
  const wait = Number(response.headers.get("Retry-After")) * 1000;
  throw new Problem(response.status, problem.detail ?? problem.title ?? "", wait);
}

/** Try until it works or trying is useless; `trouble` hears of each failure and of the recovery. */
export async function patiently(attempt, trouble) {
  for (let tries = 0; ; tries++) {
    try {
      const value = await attempt();
      if (tries) trouble(null);
      return value;
    } catch (error) {
      if (error instanceof Problem && !PASSING.has(error.status)) throw error;
      trouble(error);
      await pause(error.wait || backoff(tries));
    }
  }
}

/** Yield a turn's events to its terminal one. `open(turn, last, signal)` posts the message while
 * the turn is unknown, and resumes after the event `last` from then on. */
export async function* follow(open, turn, trouble) {
  let last = null;
  for (let quiet = 0; ; quiet++) {
    const silence = new Silence();
    try {
      const response = await patiently(() => {
        silence.restart();
        return open(turn, last, silence.signal);
      }, trouble);
      turn ??= Number(response.headers.get("Triage-Turn")) || null;
      yield { type: "opened", turn };
      if (response.status === 204) return;
      for await (const frame of frames(response.body, () => silence.touch())) {
        if (frame.type === "stream.closing") break;
        const told = frame.id && last && !isAfter(frame.id, last);
        if (told && frame.type !== "snapshot") continue; // a snapshot says where to go on from
        last = frame.id || last;
        quiet = 0;
        const event = { ...JSON.parse(frame.data), type: frame.type };
        turn ??= event.turn ?? null;
        yield event;
        if (TERMINAL.has(frame.type)) return;
      }
    } catch (error) {
      if (error instanceof Problem) throw error;
      trouble(error);
    } finally {
      silence.end();
    }
    await pause(backoff(quiet));
  }
}

/** Aborts a connection on which nothing was heard for too long; a dead one may look alive. */
class Silence {
  restart() {
    this.controller = new AbortController();
    this.signal = this.controller.signal;
    this.touch();
  }

  touch() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.controller.abort(), SILENCE);
  }

  end() {
    clearTimeout(this.timer);
    this.controller?.abort();
  }
}

/** Yield the frames of an event stream: `{id, type, data}`. */
async function* frames(body, heard) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let frame = { id: "", type: "message", data: "" };
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    heard();
    const lines = (rest + value).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop();
    for (const line of lines) {
      if (line) read(line, frame);
      else {
        if (frame.data) yield frame;
        frame = { id: "", type: "message", data: "" };
      }
    }
  }
}

function read(line, frame) {
  const colon = line.indexOf(":");
  if (colon === 0) return;
  const field = colon < 0 ? line : line.slice(0, colon);
  const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
  if (field === "id") frame.id = value;
  else if (field === "event") frame.type = value;
  else if (field === "data") frame.data += (frame.data && "\n") + value;
}

/** Whether an id `{epoch}-{seq}` comes after another. */
function isAfter(id, other) {
  const [[epoch, seq], [epoch2, seq2]] = [id, other].map((one) => one.split("-").map(BigInt));
  return epoch > epoch2 || (epoch === epoch2 && seq > seq2);
}

/** Milliseconds before the next try: doubling to 8 s, spread so that clients do not come at once. */
function backoff(tries) {
  return Math.min(8000, 250 * 2 ** tries) * (0.5 + Math.random());
}

/** Wait, but no longer than until the network is back. */
function pause(ms) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      removeEventListener("online", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    addEventListener("online", done);
  });
}
