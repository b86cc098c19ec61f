// client/src/sse.ts
var EventStreamParser = class {
  decoder = new TextDecoder();
  rest = "";
  afterReturn = false;
  id = "";
  type = "";
  data = [];
  /** Take bytes and return the frames that they complete. */
  push(bytes) {
    const frames2 = [];
    let text = this.decoder.decode(bytes, { stream: true });
    if (!text) return frames2;
    if (this.afterReturn && text.startsWith("\n")) text = text.slice(1);
    this.afterReturn = text.endsWith("\r");
    const lines = (this.rest + text).split(/\r\n|\n|\r/);
    this.rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line) this.field(line);
      else this.dispatch(frames2);
    }
    return frames2;
  }
  dispatch(frames2) {
    if (this.data.length) {
      frames2.push({ id: this.id, type: this.type || "message", data: this.data.join("\n") });
    }
    this.id = "";
    this.type = "";
    this.data = [];
  }
  field(line) {
    const colon = line.indexOf(":");
    if (colon === 0) return;
    const name2 = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name2 === "data") this.data.push(value);
    else if (name2 === "event") this.type = value;
    else if (name2 === "id" && !value.includes("\0")) this.id = value;
  }
};
function isAfter(id, other) {
  const [epoch, seq] = place(id);
  const [otherEpoch, otherSeq] = place(other);
  return epoch > otherEpoch || epoch === otherEpoch && seq > otherSeq;
}
function place(id) {
  const [epoch = "0", seq = "0"] = id.split("-");
  return [BigInt(epoch), BigInt(seq)];
}

// client/src/errors.ts
var PASSING = /* @__PURE__ */ new Set([408, 425, 429, 502, 503, 504]);
var TriageError = class extends Error {
  name = "TriageError";
  /** The HTTP status. */
  status;
  /** The stable name of the kind of problem, such as `urn:triage:problem:turn-busy`. */
  type;
  /** Its last part, to `switch` on: `turn-busy`; empty where the answer was no problem document. */
  kind;
  /** What happened and what to do about it; fit to show. */
  detail;
  /** Seconds after which trying again makes sense; null where the server does not say. */
  retryAfter;
  /** Whether the same request may succeed later: the client has tried for as long as it does. */
  passing;
  /** With `form-invalid`: what is wrong with which field, fit to show. */
  errors;
  /** The whole problem document, where there was one. */
  problem;
  constructor(status, problem, retryAfter2 = null) {
    super(problem?.detail || problem?.title || `the server answered ${status}`);
    this.status = status;
    this.type = problem?.type ?? "";
    this.kind = this.type.slice(this.type.lastIndexOf(":") + 1);
    this.detail = problem?.detail ?? "";
    this.retryAfter = retryAfter2;
    this.passing = PASSING.has(status);
    this.errors = problem?.errors ?? null;
    this.problem = problem;
  }
};
var ConnectionLost = class extends Error {
  name = "ConnectionLost";
};
var AnalysisFailed = class extends Error {
  constructor(state) {
    super(`the analysis is ${state}`);
    this.state = state;
  }
  state;
  name = "AnalysisFailed";
};

// client/src/waiting.ts
var FIRST_MS = 250;
var LONGEST_MS = 8e3;
function backoff(tries) {
  return Math.random() * Math.min(LONGEST_MS, FIRST_MS * 2 ** tries);
}
function isOnline() {
  return globalThis.navigator?.onLine !== false;
}
function pause(ms, signal, woken) {
  return new Promise((resolve, reject) => {
    const page = browser();
    const end = () => {
      clearTimeout(timer);
      page?.removeEventListener("online", wake);
      signal?.removeEventListener("abort", stop);
      woken?.removeEventListener("abort", wake);
    };
    const wake = () => {
      end();
      resolve();
    };
    const stop = () => {
      end();
      reject(signal?.reason);
    };
    const timer = setTimeout(wake, ms);
    page?.addEventListener("online", wake);
    signal?.addEventListener("abort", stop);
    woken?.addEventListener("abort", wake);
    if (signal?.aborted) stop();
    else if (woken?.aborted) wake();
  });
}
function browser() {
  return typeof globalThis.addEventListener === "function" ? globalThis : null;
}
var Patience = class {
  constructor(outer) {
    this.outer = outer;
    browser()?.addEventListener("offline", this.cut);
    if (outer?.aborted) this.stop();
    else outer?.addEventListener("abort", this.stop);
  }
  outer;
  controller = new AbortController();
  timer;
  stop = () => this.controller.abort(this.outer?.reason);
  cut = () => this.controller.abort(new Error("the network is gone"));
  /** What to give to `fetch`. */
  get signal() {
    return this.controller.signal;
  }
  /** Begin to wait for something. */
  start(ms) {
    this.rest();
    this.timer = setTimeout(() => this.controller.abort(new Silence()), ms);
  }
  /** It came. */
  rest() {
    clearTimeout(this.timer);
  }
  /** Let go of everything, a connection that is still open included. */
  end() {
    this.rest();
    browser()?.removeEventListener("offline", this.cut);
    this.outer?.removeEventListener("abort", this.stop);
    this.controller.abort(new Silence());
  }
};
var Silence = class extends Error {
  name = "Silence";
  constructor() {
    super("nothing was heard for too long");
  }
};

// client/src/transport.ts
var BASE = "/api/v2/triage";
var Transport = class {
  constructor(options) {
    this.options = options;
  }
  options;
  /** Call until it works, trying is useless, or it took too long.
   *
   * Throws `TriageError`, `ConnectionLost`, or the signal's reason.
   */
  async call(call) {
    const trying = new Trying(this.options.retryForMs);
    for (; ; ) {
      try {
        return await this.once(call);
      } catch (error) {
        if (call.signal?.aborted) throw call.signal.reason;
        await pause(trying.failed(error), call.signal);
      }
    }
  }
  /** Call once and read the answer. */
  async once(call) {
    const patience = new Patience(call.signal);
    patience.start(this.options.timeoutMs);
    try {
      const response = await this.open(call, patience.signal);
      const text = await response.text();
      const value = text ? JSON.parse(text) : null;
      return { status: response.status, headers: response.headers, value };
    } finally {
      patience.end();
    }
  }
  /** Send a request and return what answers; throws a refusal. */
  async open(call, signal) {
    const headers = { Accept: "application/json", ...call.headers };
    if (call.token) headers["Authorization"] = `Bearer ${call.token}`;
    if (call.key) headers["Idempotency-Key"] = call.key;
    if (call.body !== void 0) headers["Content-Type"] = "application/json";
    const response = await this.options.fetch(this.options.baseUrl + BASE + call.path, {
      method: call.method,
      headers,
      signal,
      cache: "no-store",
      ...call.body === void 0 ? {} : { body: JSON.stringify(call.body) }
    });
    if (response.ok || response.status === 304) return response;
    throw await refusal(response);
  }
};
var Trying = class {
  constructor(retryForMs) {
    this.retryForMs = retryForMs;
  }
  retryForMs;
  tries = 0;
  since = null;
  /** Return the milliseconds to wait before the next try; throws where there should be none. */
  failed(error) {
    if (error instanceof TriageError && !error.passing) throw error;
    const now = Date.now();
    this.since ??= now;
    if (now - this.since >= this.retryForMs) {
      if (error instanceof TriageError) throw error;
      throw new ConnectionLost("the server cannot be reached", { cause: error });
    }
    const wait = backoff(this.tries++);
    const asked2 = error instanceof TriageError && error.retryAfter ? error.retryAfter * 1e3 : 0;
    return asked2 + wait;
  }
  /** Milliseconds since the first failure in a row; null where there is none. */
  worked() {
    const took = this.since === null ? null : Date.now() - this.since;
    this.tries = 0;
    this.since = null;
    return took;
  }
};
function retryAfter(headers) {
  const text = headers.get("Retry-After") ?? "";
  if (/^\d+$/.test(text)) return Number(text);
  const date = Date.parse(text);
  return Number.isNaN(date) ? null : Math.max(0, Math.ceil((date - Date.now()) / 1e3));
}
async function refusal(response) {
  let problem = null;
  try {
    const found = await response.json();
    if (typeof found === "object" && found !== null && "status" in found) problem = found;
  } catch {
  }
  return new TriageError(response.status, problem, retryAfter(response.headers));
}

// client/src/follow.ts
var FIRST_BYTE_MS = 8e3;
var SILENT_OPENINGS = 2;
var NoStream = class extends Error {
  name = "NoStream";
};
async function* follow(plan) {
  const { transport, signal, silenceMs } = plan;
  const trying = new Trying(transport.options.retryForMs);
  let last = plan.after;
  let lost = false;
  let silent = 0;
  for (; ; ) {
    let failure = new Error("the stream ended early");
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
        const told = frame.id !== "" && last !== null && !isAfter(frame.id, last);
        if (told && frame.type !== "snapshot") continue;
        last = frame.id || last;
        heard();
        yield { frame, data: JSON.parse(frame.data) };
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
async function* frames(response, patience, silenceMs, heard) {
  if (!response.body) throw new NoStream("this browser reads no streams");
  const reader = response.body.getReader();
  const parser = new EventStreamParser();
  let bound = Math.min(silenceMs, FIRST_BYTE_MS);
  let pieces = 0;
  for (; ; ) {
    patience.start(bound);
    const { done, value } = await reader.read();
    patience.rest();
    if (done) return;
    bound = silenceMs;
    if (++pieces > 1) heard();
    yield* parser.push(value);
  }
}

// client/src/pending.ts
var Shelf = class {
  constructor(store) {
    this.store = store;
  }
  store;
  /** Serialises the changes of a list, which is read, changed and written. */
  last = Promise.resolve();
  async token(caseId) {
    return this.store.getItem(name(caseId, "token"));
  }
  async variant(caseId) {
    return await this.store.getItem(name(caseId, "variant")) ?? void 0;
  }
  async opened(caseId, token, variant) {
    await this.store.setItem(name(caseId, "token"), token);
    if (variant) await this.store.setItem(name(caseId, "variant"), variant);
  }
  async pending(caseId) {
    const text = await this.store.getItem(name(caseId, "pending"));
    try {
      const found = JSON.parse(text ?? "[]");
      return Array.isArray(found) ? found : [];
    } catch {
      return [];
    }
  }
  /** Keep a message until it is settled; with the same key, what is kept is replaced. */
  keep(caseId, turn) {
    return this.change(caseId, (known) => {
      const others = known.filter((one) => one.key !== turn.key);
      return [...others, turn].sort((one, other) => one.at - other.at);
    });
  }
  /** Forget a message that is answered, or refused. */
  settle(caseId, key) {
    return this.change(caseId, (known) => known.filter((one) => one.key !== key));
  }
  /** Forget everything about a case. */
  async forget(caseId) {
    await this.last;
    for (const what of ["token", "variant", "pending"]) {
      await this.store.removeItem(name(caseId, what));
    }
  }
  change(caseId, change) {
    const next = this.last.then(async () => {
      const turns = change(await this.pending(caseId));
      const key = name(caseId, "pending");
      if (turns.length) await this.store.setItem(key, JSON.stringify(turns));
      else await this.store.removeItem(key);
    });
    this.last = next.catch(() => void 0);
    return next;
  }
};
function name(caseId, what) {
  return `triage:${caseId}:${what}`;
}

// client/src/push.ts
async function subscription(registration, publicKey) {
  const applicationServerKey = bytesOf(publicKey);
  const known = await registration.pushManager.getSubscription();
  if (known) {
    const key = known.options?.applicationServerKey;
    if (!key || same(new Uint8Array(key), applicationServerKey)) return known;
    await known.unsubscribe();
  }
  return registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey });
}
function bytesOf(text) {
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (one) => one.charCodeAt(0));
}
function same(one, other) {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}

// client/src/store.ts
function memoryStore() {
  const kept = /* @__PURE__ */ new Map();
  return {
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => void kept.set(key, value),
    removeItem: (key) => void kept.delete(key)
  };
}

// client/src/turns.ts
var TERMINAL = /* @__PURE__ */ new Set(["turn.completed", "turn.cancelled", "turn.failed"]);
var WAIT_SECONDS = 20;
function isTerminal(event) {
  return TERMINAL.has(event.type);
}
function textAfter(text, event) {
  switch (event.type) {
    case "delta":
      return text + event.t;
    case "turn.restarted":
      return "";
    case "snapshot":
      return event.text;
    case "turn.completed":
    case "turn.cancelled":
      return event.message;
    default:
      return text;
  }
}
async function* turnEvents(plan) {
  let turn = plan.turn;
  let accepted = turn;
  const following = follow({
    transport: plan.transport,
    after: plan.after,
    silenceMs: plan.silenceMs,
    signal: plan.signal,
    call: (last) => turn === null ? post(plan, "/continue-stream") : resume(plan, turn, last),
    opened: (response) => {
      turn ??= turnOf(response.headers);
    },
    isLast: (frame) => TERMINAL.has(frame.type)
  });
  try {
    for await (const one of following) {
      if ("type" in one) {
        yield one;
        continue;
      }
      const event = "frame" in one ? { ...one.data, type: one.frame.type } : null;
      if (event?.type === "turn.started") turn ??= event.turn;
      if (turn !== null && accepted === null) {
        accepted = turn;
        yield { type: "turn.accepted", turn };
      }
      if (event && "frame" in one) yield one.frame.id ? { ...event, id: one.frame.id } : event;
    }
  } catch (error) {
    if (!(error instanceof NoStream)) throw error;
    plan.replaced?.();
    yield* asked(plan, turn, accepted === null);
  }
}
async function* asked(plan, known, tell) {
  let turn = known;
  if (turn === null) {
    const reply = await plan.transport.call(post(plan, "/continue"));
    turn = reply.value.turn;
    if (tell) yield { type: "turn.accepted", turn };
    if (reply.status === 200) {
      yield* ended(reply.value);
      return;
    }
  }
  let shown = "";
  for await (const seen of snapshots(plan, turn)) {
    if (seen.text !== shown) yield { type: "snapshot", text: shown = seen.text };
    if (seen.status !== "queued" && seen.status !== "running") {
      const status = await plan.transport.call(get(plan, `/status/${plan.caseId}`));
      yield* ended({ ...fromStatus(status.value), turn, outcome: seen.status, message: seen.text });
    }
  }
}
async function turnAnswer(plan, call) {
  for (; ; ) {
    const reply = await plan.transport.call(call);
    if (reply.status === 200) return reply.value;
    for await (const _ of snapshots(plan, reply.value.turn)) ;
  }
}
async function* snapshots(plan, turn) {
  let tag = null;
  for (; ; ) {
    const call = get(plan, `/cases/${plan.caseId}/turns/${turn}`);
    const headers = tag ? { "If-None-Match": tag } : {};
    const reply = await plan.transport.call({ ...call, headers });
    if (reply.status !== 304) {
      tag = reply.headers.get("ETag");
      yield reply.value;
      if (reply.value.status !== "queued" && reply.value.status !== "running") return;
    }
    await pause((retryAfter(reply.headers) ?? 1) * 1e3, plan.signal);
  }
}
function* ended(answer) {
  const { turn, message, interview, status, complexity, confidence, missing, job } = answer;
  switch (answer.outcome) {
    case "completed":
      if (job && (job.state === "queued" || job.state === "running")) {
        yield { type: "analysis.queued", turn, job: job.job, queue: job.queue };
      }
      yield {
        type: "turn.completed",
        ...{ turn, message, interview, status, complexity, confidence, missing }
      };
      return;
    case "cancelled":
      yield { type: "turn.cancelled", turn, message };
      return;
    case "failed":
      yield { type: "turn.failed", turn, message };
      return;
  }
}
function fromStatus(found) {
  const { status, complexity, confidence, missing, job } = found;
  const interview = status === "completed" ? "complete" : "active";
  return { status, interview, complexity, confidence, missing, job };
}
function post(plan, path) {
  if (!plan.said) throw new TypeError("a turn that is not known cannot be followed");
  const { message, key, onBusy } = plan.said;
  return {
    method: "POST",
    path: onBusy ? `${path}?on_busy=${onBusy}` : path,
    ...credentials(plan),
    key,
    headers: path === "/continue" ? { Prefer: `wait=${WAIT_SECONDS}` } : {},
    body: { case_id: plan.caseId, message }
  };
}
function resume(plan, turn, last) {
  const call = get(plan, `/cases/${plan.caseId}/turns/${turn}/events`);
  return last ? { ...call, headers: { "Last-Event-ID": last } } : call;
}
function get(plan, path) {
  return { method: "GET", path, ...credentials(plan) };
}
function credentials(plan) {
  return { token: plan.token, signal: plan.signal };
}
function turnOf(headers) {
  return Number(headers.get("Triage-Turn")) || null;
}
function saying(plan) {
  return post(plan, "/continue");
}

// client/src/waitForResult.ts
var STEPS = [1, 2, 5];
var HEARD_STEP = 30;
var FAILED = /* @__PURE__ */ new Set(["dead", "cancelled"]);
async function resultOf(client2, look, caseId, options) {
  const { signal, onProgress } = options;
  const ended2 = new AbortController();
  const stop = () => ended2.abort(signal?.reason);
  signal?.addEventListener("abort", stop);
  const ear = new Ear(client2, caseId, ended2.signal, onProgress);
  try {
    for (let tries = 0; ; tries++) {
      signal?.throwIfAborted();
      const woken = ear.next();
      const reply = await look(signal);
      const { job, result_ready: ready } = reply.value;
      const running = job?.state === "queued" || job?.state === "running";
      if (ready && !running) return await client2.getResult(caseId, signal ? { signal } : {});
      if (job && FAILED.has(job.state)) throw new AnalysisFailed(job.state);
      onProgress?.(ear.progress(job?.state ?? null));
      const asked2 = retryAfter(reply.headers) ?? STEPS[Math.min(tries, STEPS.length - 1)] ?? 5;
      await pause((ear.hears ? HEARD_STEP : asked2) * 1e3, signal, woken);
    }
  } finally {
    signal?.removeEventListener("abort", stop);
    ended2.abort(new Error("over"));
  }
}
var Ear = class {
  constructor(client2, caseId, signal, onProgress) {
    this.onProgress = onProgress;
    void this.listen(client2, caseId, signal);
  }
  onProgress;
  /** Whether the stream is open. */
  hears = false;
  waking = new AbortController();
  steps = null;
  /** A signal that fires when something happens from now on. */
  next() {
    if (this.waking.signal.aborted) this.waking = new AbortController();
    return this.waking.signal;
  }
  progress(state) {
    return { state, ...this.steps };
  }
  async listen(client2, caseId, signal) {
    try {
      for await (const event of client2.caseEvents(caseId, { signal })) {
        this.hears = event.type !== "connection" || event.state === "restored";
        if (event.type === "analysis.progress") {
          this.steps = { done: event.done, of: event.of };
          this.onProgress?.(this.progress("running"));
        } else if (event.type !== "connection" || event.state === "lost") {
          this.waking.abort();
        }
      }
    } catch {
    }
    this.hears = false;
    this.waking.abort();
  }
};

// client/src/client.ts
var RETRY_FOR_MS = 3e5;
var TIMEOUT_MS = 6e4;
var SILENCE_MS = 25e3;
var TriageClient = class {
  transport;
  shelf;
  silenceMs;
  credential;
  tell;
  /** Keys of messages that this client is sending right now. */
  sending = /* @__PURE__ */ new Set();
  constructor(options = {}) {
    const { token } = options;
    this.transport = new Transport({
      baseUrl: (options.baseUrl ?? "").replace(/\/+$/, ""),
      // Called bare: a browser's `fetch` refuses to be anybody's method.
      fetch: options.fetch ?? ((...call) => globalThis.fetch(...call)),
      retryForMs: options.retryForMs ?? RETRY_FOR_MS,
      timeoutMs: options.timeoutMs ?? TIMEOUT_MS
    });
    this.shelf = new Shelf(options.store ?? memoryStore());
    this.silenceMs = options.silenceMs ?? SILENCE_MS;
    this.credential = async () => typeof token === "function" ? token() : token ?? null;
    this.tell = options.onEvent;
  }
  // A case from its opening to its end.
  /** Open a case. Its token goes into the store; use `byVariant` to choose what to show. */
  async startTriage(options = {}) {
    const { playbook, locale, userRef, attributes, idempotencyKey, signal } = options;
    const reply = await this.transport.call({
      method: "POST",
      path: "/start",
      token: await this.credential(),
      key: idempotencyKey ?? newKey(),
      body: { playbook, locale, user_ref: userRef, attributes },
      signal
    });
    const opened = reply.value;
    await this.shelf.opened(opened.case_id, opened.case_token, opened.variant);
    await this.told(opened.case_id, {
      name: "case.started",
      playbook: opened.playbook,
      locale: opened.locale
    });
    return opened;
  }
  /** Use a case whose token you kept yourself. */
  async adoptCase(caseId, caseToken) {
    await this.shelf.opened(caseId, caseToken);
  }
  /** Read the whole conversation, to draw it anew. */
  async getCase(caseId, options = {}) {
    return (await this.of(caseId, "GET", `/cases/${caseId}`, options)).value;
  }
  /** Read how the case stands: what a frontend needs that polls. */
  async getStatus(caseId, options = {}) {
    return (await this.of(caseId, "GET", `/status/${caseId}`, options)).value;
  }
  /** Follow the case's own life, in order and each event once, until the signal fires. */
  async *caseEvents(caseId, options = {}) {
    const token = await this.tokenOf(caseId);
    const following = follow({
      transport: this.transport,
      after: options.after ?? null,
      silenceMs: this.silenceMs,
      signal: options.signal,
      call: (last) => ({
        method: "GET",
        path: `/cases/${caseId}/events`,
        token,
        headers: last ? { "Last-Event-ID": last } : {}
      }),
      isLast: () => false
    });
    for await (const one of following) {
      if ("type" in one) yield one;
      else if ("frame" in one) {
        const event = { ...one.data, type: one.frame.type };
        yield one.frame.id ? { ...event, id: one.frame.id } : event;
      }
    }
  }
  /** Correct something that was understood; an empty value removes it. */
  async correctFact(caseId, slot, value, options = {}) {
    const answer = await this.command(caseId, `/cases/${caseId}/facts`, { slot, value }, options);
    await this.told(caseId, { name: "fact.corrected", slot });
    return answer;
  }
  /** End the interview with what is known. */
  async forceComplete(caseId, options = {}) {
    const body = { case_id: caseId, reason: options.reason ?? "" };
    const answer = await this.command(caseId, "/force-complete", body, options);
    await this.ended(caseId, answer);
    return answer;
  }
  /** Ask for a human. */
  async askForHuman(caseId, options = {}) {
    const body = { reason: options.reason ?? "" };
    const answer = await this.command(caseId, `/cases/${caseId}/handoff`, body, options);
    await this.told(caseId, { name: "human.asked" });
    return answer;
  }
  /** Rate the service from 0 to 10. The latest rating counts. */
  async rate(caseId, score, options = {}) {
    const body = { score, ...options.comment ? { comment: options.comment } : {} };
    const path = `/cases/${caseId}/rating`;
    const { value } = await this.of(caseId, "POST", path, { ...options, body });
    await this.told(caseId, { name: "rated", score });
    return value;
  }
  /** Read everything that is held about the case. */
  async exportCase(caseId, options = {}) {
    const { value } = await this.of(caseId, "GET", `/cases/${caseId}/export`, options);
    await this.told(caseId, { name: "case.exported" });
    return value;
  }
  /** Erase everything that is held about the case. There is no way back. */
  async deleteCase(caseId, options = {}) {
    await this.of(caseId, "DELETE", `/cases/${caseId}`, options);
    await this.told(caseId, { name: "case.erased" });
    await this.shelf.forget(caseId);
  }
  /** Forget the case here: its token, and what was being sent. The server keeps it. */
  async forgetCase(caseId) {
    await this.shelf.forget(caseId);
  }
  // Conversation.
  /**
   * Say something and yield what happens until the turn is over, whatever the network does: a broken
   * stream is resumed behind the last event, and where no stream comes through at all, the answer is
   * fetched without one.
   *
   * The message is kept in the store, under its idempotency key, until the turn is over or refused.
   * After a reload, `pendingTurns` and `resumePending` go on with it; said again before it was known
   * to be accepted, it is the same turn.
   */
  async *continueConversationStream(caseId, message, options = {}) {
    const pending = await this.pendingFor(caseId, message, options);
    yield* this.said(caseId, pending, null, options.signal);
  }
  /** The same without a stream: wait for the whole answer. */
  async continueConversation(caseId, message, options = {}) {
    const pending = await this.pendingFor(caseId, message, options);
    return this.settling(caseId, pending, async () => {
      const plan = await this.plan(caseId, pending, null, options.signal);
      const answer = await turnAnswer(plan, saying(plan));
      await this.told(caseId, { name: "message.sent", turn: answer.turn });
      await this.ended(caseId, answer);
      return answer;
    });
  }
  /** Messages whose end was not seen: what a page sends again after a reload. */
  pendingTurns(caseId) {
    return this.shelf.pending(caseId);
  }
  /** Go on with a message whose end was not seen. It is the same turn, from its first event. */
  async *resumePending(caseId, pending, options = {}) {
    yield* this.said(caseId, pending, null, options.signal);
  }
  /** Follow a turn that was accepted, from a place on, at any instance. */
  async *resumeTurn(caseId, turn, options = {}) {
    const plan = await this.plan(caseId, null, turn, options.signal);
    yield* this.observed(caseId, turnEvents({ ...plan, after: options.after ?? null }));
  }
  /** Look at a turn as it stands. */
  async getTurn(caseId, turn, options = {}) {
    const path = `/cases/${caseId}/turns/${turn}`;
    return (await this.of(caseId, "GET", path, options)).value;
  }
  /** Stop a turn, wherever it is made; what was said so far is kept. May be repeated. */
  async cancelTurn(caseId, turn, options = {}) {
    const path = `/cases/${caseId}/turns/${turn}/cancel`;
    return (await this.of(caseId, "POST", path, options)).value;
  }
  // The form of variant v1.
  /** Read the case's form, and what was answered. */
  async getForm(caseId, options = {}) {
    return (await this.of(caseId, "GET", `/cases/${caseId}/form`, options)).value;
  }
  /**
   * Say that the person begins to fill in the form. Call it once, at the first input, and do not wait
   * for it: from here on experiments count them.
   */
  async beginForm(caseId, options = {}) {
    const key = options.idempotencyKey ?? `begin-${caseId}`;
    const path = `/cases/${caseId}/form/begin`;
    await this.command(caseId, path, void 0, { ...options, idempotencyKey: key });
    await this.told(caseId, { name: "form.begun" });
  }
  /** Submit the form. A refusal is a `TriageError` whose `errors` say what is wrong where. */
  async submitForm(caseId, answers, options = {}) {
    try {
      const answer = await this.command(caseId, `/cases/${caseId}/form`, { answers }, options);
      await this.told(caseId, { name: "form.submitted" });
      await this.ended(caseId, answer);
      return answer;
    } catch (error) {
      if (error instanceof TriageError && error.errors) {
        const fields = error.errors.map((one) => one.field);
        await this.told(caseId, { name: "form.refused", fields });
      }
      throw error;
    }
  }
  // The result.
  /** Read the result; 409 `result-not-ready` while there is none. */
  async getResult(caseId, options = {}) {
    const { value } = await this.of(caseId, "GET", `/result/${caseId}`, options);
    const { classification, urgency } = value;
    const { code } = classification;
    await this.told(caseId, { name: "result.received", code, urgency: urgency.level });
    return value;
  }
  /**
   * Wait for the result: told by the case's events where they come through, and by polling after 1,
   * 2, then 5 seconds, or as long as the server asks, where they do not.
   *
   * Throws `AnalysisFailed` where the analysis was given up: a person of the organisation looks at
   * the case.
   */
  waitForResult(caseId, options = {}) {
    return resultOf(this, (signal) => this.statusReply(caseId, signal), caseId, options);
  }
  // Other devices and closed pages.
  /** Make a code that opens the case on another device, once, within ten minutes. */
  async makeLink(caseId, options = {}) {
    const { value } = await this.of(caseId, "POST", `/cases/${caseId}/links`, options);
    await this.told(caseId, { name: "link.made" });
    return value;
  }
  /** Open the case of a code. Its token goes into the store. */
  async openLink(code, options = {}) {
    const path = "/open-link";
    const { signal } = options;
    const call = { method: "POST", path, key: newKey(), body: { code }, signal };
    const { value } = await this.transport.call(call);
    await this.shelf.opened(value.case_id, value.case_token);
    await this.told(value.case_id, { name: "link.opened" });
    return value;
  }
  /**
   * Have this browser told of the case by Web Push, also while the page is closed. Ask for it in a
   * click: browsers want to be asked there. Returns the subscription's name; throws
   * `TriageError` of kind `push-off` where the installation has no Web Push.
   */
  async subscribePush(caseId, registration, options = {}) {
    const key = await this.of(caseId, "GET", "/push/key", options);
    const made = await subscription(registration, key.value.public_key);
    const path = `/cases/${caseId}/push`;
    const call = { ...options, body: made.toJSON() };
    const { value } = await this.of(caseId, "POST", path, call);
    await this.told(caseId, { name: "push.subscribed" });
    return value.subscription;
  }
  /** Have a browser told no more: the named one, or every one of the case. */
  async unsubscribePush(caseId, name2, options = {}) {
    const query = name2 ? `?subscription=${encodeURIComponent(name2)}` : "";
    await this.of(caseId, "DELETE", `/cases/${caseId}/push${query}`, options);
  }
  /** Any other call of the API, with the same patience: `path` stands behind `/api/v2/triage`. */
  async request(method, path, options = {}) {
    const { caseId, body, signal, idempotencyKey: key } = options;
    const token = caseId ? await this.tokenOf(caseId) : await this.credential();
    const call = { method, path, token, body, signal, ...key ? { key } : {} };
    return (await this.transport.call(call)).value;
  }
  async of(caseId, method, path, options) {
    const { body, signal } = options;
    const token = await this.tokenOf(caseId);
    return this.transport.call({ method, path, token, body, signal });
  }
  async statusReply(caseId, signal) {
    return this.of(caseId, "GET", `/status/${caseId}`, signal ? { signal } : {});
  }
  async command(caseId, path, body, options) {
    const plan = await this.plan(caseId, null, null, options.signal);
    const key = options.idempotencyKey ?? newKey();
    const { token } = plan;
    const call = { method: "POST", path, token, key, body, signal: options.signal };
    return turnAnswer(plan, call);
  }
  async plan(caseId, pending, turn, signal) {
    return {
      transport: this.transport,
      caseId,
      token: await this.tokenOf(caseId),
      ...pending ? { said: pending } : {},
      turn,
      after: null,
      silenceMs: this.silenceMs,
      signal,
      replaced: () => void this.told(caseId, { name: "stream.replaced" })
    };
  }
  async *said(caseId, pending, turn, signal) {
    this.sending.add(pending.key);
    try {
      const plan = await this.plan(caseId, pending, turn, signal);
      for await (const event of this.observed(caseId, turnEvents(plan))) {
        if (event.type === "turn.accepted") {
          await this.shelf.keep(caseId, { ...pending, turn: event.turn });
        }
        if (isTerminal(event)) await this.shelf.settle(caseId, pending.key);
        yield event;
      }
    } catch (error) {
      if (error instanceof TriageError && !error.passing) await this.shelf.settle(caseId, pending.key);
      throw error;
    } finally {
      this.sending.delete(pending.key);
    }
  }
  async settling(caseId, pending, answering) {
    this.sending.add(pending.key);
    try {
      const answer = await answering();
      await this.shelf.settle(caseId, pending.key);
      return answer;
    } catch (error) {
      if (error instanceof TriageError && !error.passing) await this.shelf.settle(caseId, pending.key);
      throw error;
    } finally {
      this.sending.delete(pending.key);
    }
  }
  /** A new message with a key of its own; or one that was begun before and never accepted for all
   * that is known: said again it is the same turn, whether or not it had arrived. */
  async pendingFor(caseId, message, options) {
    const { idempotencyKey, onBusy } = options;
    const known = await this.shelf.pending(caseId);
    const begun = known.find(
      (one) => idempotencyKey ? one.key === idempotencyKey : one.message === message && one.turn === void 0 && !this.sending.has(one.key)
    );
    if (begun) return begun;
    const busy = onBusy ? { onBusy } : {};
    const pending = { key: idempotencyKey ?? newKey(), message, at: Date.now(), ...busy };
    await this.shelf.keep(caseId, pending);
    return pending;
  }
  /** Pass a turn's events on, and tell the frontend's analytics of them. */
  async *observed(caseId, events) {
    const began = Date.now();
    let turn;
    let lostAt = null;
    let spoke = false;
    const which = () => turn === void 0 ? {} : { turn };
    for await (const event of events) {
      if ("turn" in event && typeof event.turn === "number") turn = event.turn;
      if (event.type === "turn.accepted") {
        await this.told(caseId, { name: "message.sent", turn: event.turn });
      } else if (event.type === "delta" && !spoke && turn !== void 0) {
        spoke = true;
        await this.told(caseId, { name: "turn.first_word", turn, ms: Date.now() - began });
      } else if (event.type === "connection" && event.state === "lost") {
        if (lostAt === null) await this.told(caseId, { name: "connection.lost", ...which() });
        lostAt ??= Date.now();
      } else if (event.type === "connection") {
        const ms = lostAt === null ? 0 : Date.now() - lostAt;
        lostAt = null;
        await this.told(caseId, { name: "connection.restored", ms, ...which() });
      } else if (isTerminal(event)) {
        const outcome = event.type.slice("turn.".length);
        const ms = Date.now() - began;
        await this.told(caseId, { name: "turn.ended", turn: event.turn, outcome, ms });
        if (event.type === "turn.completed" && event.interview === "complete") {
          await this.told(caseId, { name: "interview.completed", turn: event.turn });
        }
      }
      yield event;
    }
  }
  async ended(caseId, answer) {
    if (answer.interview !== "complete") return;
    await this.told(caseId, { name: "interview.completed", turn: answer.turn });
  }
  async tokenOf(caseId) {
    return await this.shelf.token(caseId) ?? await this.credential();
  }
  /** Tell the frontend's analytics. Their mistakes are theirs: a conversation goes on. */
  async told(caseId, event) {
    if (!this.tell) return;
    const variant = await this.shelf.variant(caseId);
    const head = { case_id: caseId, at: Date.now(), ...variant ? { variant } : {} };
    try {
      this.tell({ ...head, ...event });
    } catch (error) {
      console.error("onEvent failed", error);
    }
  }
};
function newKey() {
  const bytes = globalThis.crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// client/src/variants.ts
function byVariant(opened, branches) {
  return opened.variant === "v1" ? branches.v1(opened) : branches.v2(opened);
}

// client/src/functions.ts
var shared;
function configure(options) {
  shared = new TriageClient(options);
  return shared;
}
function client() {
  shared ??= new TriageClient();
  return shared;
}
function startTriage(options = {}) {
  return client().startTriage(options);
}
async function* continueConversationStream(caseId, message, options = {}) {
  yield* client().continueConversationStream(caseId, message, options);
}
function waitForResult(caseId, options = {}) {
  return client().waitForResult(caseId, options);
}
export {
  AnalysisFailed,
  ConnectionLost,
  TriageClient,
  TriageError,
  byVariant,
  configure,
  continueConversationStream,
  isTerminal,
  memoryStore,
  startTriage,
  textAfter,
  waitForResult
};
