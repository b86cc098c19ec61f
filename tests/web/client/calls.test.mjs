// What the client does about failures, waits and repetitions, on a clock that the tests move.

import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { durableStore, TriageClient } from "./support.mjs";

const CASE = "c".repeat(32);
const ANSWER = {
  case_id: CASE, turn: 1, outcome: "completed", message: "And since when?", status: "active",
  interview: "active", complexity: "low", confidence: 0.5, missing: [], analysis: null, job: null,
};
const HOUR = 3_600_000;

beforeEach(() => mock.timers.enable({ apis: ["setTimeout", "Date"] }));
afterEach(() => mock.reset());

/** A server that answers each request by the next of these; it keeps what was asked, and when. */
function serverOf(...answers) {
  const asked = [];
  const fetch = async (url, init) => {
    const { pathname, search } = new URL(url);
    const path = pathname.replace("/api/v2/triage", "") + search;
    asked.push({ path, at: Date.now(), headers: init.headers, body: init.body && JSON.parse(init.body) });
    const answer = answers[Math.min(asked.length, answers.length) - 1];
    return typeof answer === "function" ? answer(init) : answer.clone();
  };
  return { asked, fetch };
}

const json = (value, status = 200, headers = {}) =>
  new Response(JSON.stringify(value), { status, headers: { "Content-Type": "application/json", ...headers } });
const problem = (kind, status, headers = {}, more = {}) =>
  json({ type: `urn:triage:problem:${kind}`, title: kind, status, detail: `It is ${kind}.`, ...more }, status, headers);
const broken = () => Promise.reject(new TypeError("fetch failed"));
const client = (server, options = {}) =>
  new TriageClient({ baseUrl: "http://test", fetch: server.fetch, store: durableStore(), token: "t", ...options });

/** A stream of these frames; it stays open, and silent, unless it is to end. */
function stream(init, frames, { end = false } = {}) {
  const body = new ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode(`: ok\n\n${frames.join("")}`));
      if (end) controller.close();
      else init.signal.addEventListener("abort", () => controller.error(init.signal.reason));
    },
  });
  return new Response(body, { headers: { "Content-Type": "text/event-stream", "Triage-Turn": "1" } });
}
const frame = (id, type, data = {}) =>
  `${id ? `id: ${id}\n` : ""}event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`;
const completed = (id = "9-9") =>
  frame(id, "turn.completed", { turn: 1, message: "ab", interview: "active", status: "active" });

/** Let the clock run until a promise is settled, and return what it came to. */
async function running(promise, limit = 2 * HOUR) {
  let settled = false;
  const done = promise.finally(() => (settled = true));
  done.catch(() => undefined);
  const end = Date.now() + limit;
  while (!settled) {
    await new Promise(setImmediate);
    if (settled) break;
    assert.ok(Date.now() < end, "it is still not over");
    mock.timers.tick(50);
  }
  return done;
}

async function all(events) {
  const found = [];
  for await (const event of events) found.push(event);
  return found;
}

test("every retry carries the same key, and a server's Retry-After is waited for", async () => {
  const server = serverOf(broken, problem("draining", 503, { "Retry-After": "3" }), broken, json(ANSWER));
  const answer = await running(client(server).continueConversation(CASE, "hello"));
  assert.equal(answer.message, "And since when?");
  assert.equal(server.asked.length, 4);
  const keys = new Set(server.asked.map((one) => one.headers["Idempotency-Key"]));
  assert.equal(keys.size, 1);
  assert.match([...keys][0], /^[0-9a-f]{32}$/);
  assert.ok(server.asked[2].at - server.asked[1].at >= 3_000);
  assert.ok(server.asked.every((one) => one.headers.Authorization === "Bearer t"));
});

test("waits are spread over all of a bound that doubles up to eight seconds", async () => {
  for (const [chance, factor] of [[0, 0], [0.5, 0.5], [0.999_999, 1]]) {
    mock.method(Math, "random", () => chance);
    const server = serverOf(...Array(8).fill(broken), json({}));
    await running(client(server, { retryForMs: HOUR }).getStatus(CASE));
    const waits = server.asked.slice(1).map((one, at) => one.at - server.asked[at].at);
    const bounds = [250, 500, 1_000, 2_000, 4_000, 8_000, 8_000, 8_000];
    waits.forEach((wait, at) => assert.ok(Math.abs(wait - bounds[at] * factor) <= 100, `${waits}`));
  }
});

test("a refusal that will not pass is thrown at once, with all that the server says", async () => {
  const server = serverOf(problem("turn-busy", 409, {}, { turn: 7 }));
  const store = durableStore();
  const one = client(server, { store });
  const error = await running(one.continueConversation(CASE, "hello", { onBusy: "reject" }).catch((e) => e));
  assert.equal(error.name, "TriageError");
  assert.deepEqual(
    [error.status, error.kind, error.type, error.detail, error.retryAfter, error.problem.turn],
    [409, "turn-busy", "urn:triage:problem:turn-busy", "It is turn-busy.", null, 7],
  );
  assert.equal(error.message, "It is turn-busy.");
  assert.equal(server.asked.length, 1);
  assert.equal(server.asked[0].path, "/continue?on_busy=reject");
  assert.deepEqual(await one.pendingTurns(CASE), [], "what is refused is not sent again");
});

test("an answer in nobody's format is a refusal all the same", async () => {
  const server = serverOf(new Response("<h1>Forbidden</h1>", { status: 403 }));
  const error = await running(client(server).getStatus(CASE).catch((e) => e));
  assert.deepEqual([error.status, error.kind, error.problem], [403, "", null]);
});

test("a server that stays away is given up, and what was said is kept", async () => {
  for (const away of [broken, problem("state-unavailable", 503, { "Retry-After": "1" })]) {
    const store = durableStore();
    const one = client(serverOf(away), { store, retryForMs: 60_000 });
    const began = Date.now();
    const error = await running(one.continueConversation(CASE, "hello").catch((e) => e));
    assert.equal(error.name, away === broken ? "ConnectionLost" : "TriageError");
    assert.ok(Date.now() - began >= 60_000);
    assert.deepEqual((await one.pendingTurns(CASE)).map((turn) => turn.message), ["hello"]);
  }
});

test("the key outlives a reload until the turn is over, and no longer", async () => {
  const store = durableStore();
  const first = serverOf(broken);
  await running(client(first, { store, retryForMs: 1_000 }).continueConversation(CASE, "yes").catch(() => 0));
  const second = serverOf(json(ANSWER));
  const reloaded = client(second, { store });
  await running(reloaded.continueConversation(CASE, "yes"));
  await running(reloaded.continueConversation(CASE, "yes"));
  const [lost, again, later] = [first.asked[0], ...second.asked].map((one) => one.headers["Idempotency-Key"]);
  assert.equal(again, lost);
  assert.notEqual(later, lost);
});

test("the same words twice at once are two messages", async () => {
  const server = serverOf(json(ANSWER));
  const one = client(server);
  await running(Promise.all([one.continueConversation(CASE, "yes"), one.continueConversation(CASE, "yes")]));
  assert.equal(new Set(server.asked.map((asked) => asked.headers["Idempotency-Key"])).size, 2);
});

test("without Retry-After a status is polled after 1, 2, then 5 seconds", async () => {
  const status = { status: "completed", result_ready: false, job: { state: "running" } };
  const looks = [];
  const fetch = async (url) => {
    const path = new URL(url).pathname;
    if (path.endsWith("/events")) return problem("case-not-found", 404);
    if (path.includes("/result/")) return json({ classification: { code: "a" }, urgency: { level: "low" } });
    looks.push(Date.now());
    return json({ ...status, ...(looks.length > 5 ? { result_ready: true, job: { state: "done" } } : {}) });
  };
  const result = await running(client({ fetch }).waitForResult(CASE));
  assert.equal(result.classification.code, "a");
  const waits = looks.slice(1).map((at, index) => Math.round((at - looks[index]) / 1_000));
  // The first is woken early, when it turns out that there are no events.
  assert.deepEqual(waits.slice(1), [2, 5, 5, 5]);
});

test("with Retry-After it is polled as the server asks", async () => {
  const looks = [];
  const fetch = async (url) => {
    if (new URL(url).pathname.endsWith("/events")) return problem("case-not-found", 404);
    looks.push(Date.now());
    const job = { state: looks.length > 3 ? "dead" : "queued" };
    return json({ status: "completed", result_ready: false, job }, 200, { "Retry-After": "4" });
  };
  const error = await running(client({ fetch }).waitForResult(CASE).catch((e) => e));
  assert.equal(error.name, "AnalysisFailed");
  assert.equal(error.state, "dead");
  const waits = looks.slice(1).map((at, index) => Math.round((at - looks[index]) / 1_000));
  assert.deepEqual(waits.slice(1), [4, 4]);
});

test("where no stream comes through, the same key asks without one", async () => {
  const running_ = { case_id: CASE, turn: 1, status: "running", text: "And", last_event_id: null };
  const server = serverOf(
    new Response("<html>login</html>", { headers: { "Content-Type": "text/html" } }),
    json(running_, 202, { Location: "/x", "Retry-After": "1", "Triage-Turn": "1" }),
    json(running_, 200, { ETag: '"1"', "Retry-After": "2" }),
    new Response(null, { status: 304, headers: { "Retry-After": "2" } }),
    json({ ...running_, status: "completed", text: "And since when?" }, 200, { ETag: '"2"' }),
    json({ ...ANSWER, job: null }),
  );
  const events = [];
  const one = client(server, { onEvent: (event) => events.push(event.name) });
  const found = await running(all(one.continueConversationStream(CASE, "hello")));
  assert.deepEqual(found.map((event) => event.type), ["turn.accepted", "snapshot", "snapshot", "turn.completed"]);
  assert.equal(found.at(-1).message, "And since when?");
  assert.deepEqual(server.asked.map((asked) => asked.path), [
    "/continue-stream", "/continue", `/cases/${CASE}/turns/1`, `/cases/${CASE}/turns/1`,
    `/cases/${CASE}/turns/1`, `/status/${CASE}`,
  ]);
  const keys = server.asked.slice(0, 2).map((asked) => asked.headers["Idempotency-Key"]);
  assert.equal(keys[0], keys[1]);
  assert.match(server.asked[1].headers.Prefer, /^wait=\d+$/);
  assert.equal(server.asked[3].headers["If-None-Match"], '"1"');
  assert.ok(server.asked[3].at - server.asked[2].at >= 2_000);
  assert.ok(events.includes("stream.replaced"));
});

test("a proxy that keeps streams back is found out, and nothing is said twice", async () => {
  const silent = (init) => new Promise((_, reject) => {
    init.signal.addEventListener("abort", () => reject(init.signal.reason));
  });
  const server = serverOf(silent, silent, json(ANSWER, 200, { "Triage-Turn": "1" }));
  const found = await running(all(client(server).continueConversationStream(CASE, "hello")));
  assert.equal(found.at(-1).type, "turn.completed");
  assert.deepEqual(server.asked.map((asked) => asked.path), ["/continue-stream", "/continue-stream", "/continue"]);
  assert.equal(new Set(server.asked.map((asked) => asked.headers["Idempotency-Key"])).size, 1);
});

test("a stream on which nothing comes for 25 seconds is resumed behind the last event", async () => {
  const server = serverOf(
    (init) => stream(init, [frame("1-0", "turn.started", { turn: 1 }), frame("1-1", "delta", { t: "a" })]),
    (init) => stream(init, [frame("1-1", "delta", { t: "a" }), frame("1-2", "delta", { t: "b" }), completed()]),
  );
  const found = await running(all(client(server).continueConversationStream(CASE, "hello")));
  assert.deepEqual(found.map((one) => one.type), [
    "turn.accepted", "turn.started", "delta", "connection", "connection", "delta", "turn.completed",
  ]);
  assert.deepEqual(found.filter((one) => one.type === "connection").map((one) => one.state), ["lost", "restored"]);
  const [first, second] = server.asked;
  assert.ok(second.at - first.at >= 25_000 && second.at - first.at < 26_000);
  assert.equal(second.path, `/cases/${CASE}/turns/1/events`);
  assert.equal(second.headers["Last-Event-ID"], "1-1");
});

test("heartbeats keep a stream alive for as long as they come", async () => {
  const server = serverOf((init) => {
    const encoder = new TextEncoder();
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(encoder.encode(`: ok\n\n${frame("1-0", "turn.started", { turn: 1 })}`));
        const beat = (left) => setTimeout(() => {
          controller.enqueue(encoder.encode(left ? ": hb\n\n" : completed()));
          if (left) beat(left - 1);
        }, 10_000);
        beat(12);
        init.signal.addEventListener("abort", () => controller.error(init.signal.reason));
      },
    });
    return new Response(body, { headers: { "Content-Type": "text/event-stream", "Triage-Turn": "1" } });
  });
  const found = await running(all(client(server).continueConversationStream(CASE, "hello")));
  assert.deepEqual(found.map((one) => one.type), ["turn.accepted", "turn.started", "turn.completed"]);
  assert.equal(server.asked.length, 1);
});

test("a reader may take its time: only silence of the server counts", async () => {
  const server = serverOf((init) => stream(init, [frame("1-1", "delta", { t: "a" }), completed()]));
  const slow = async () => {
    const found = [];
    for await (const event of client(server).continueConversationStream(CASE, "hello")) {
      await new Promise((resolve) => setTimeout(resolve, 60_000));
      found.push(event.type);
    }
    return found;
  };
  assert.deepEqual(await running(slow()), ["turn.accepted", "delta", "turn.completed"]);
  assert.equal(server.asked.length, 1);
});

test("an instance that goes away is left without a word of trouble", async () => {
  const server = serverOf(
    (init) => stream(init, [frame("1-1", "delta", { t: "a" }), frame("", "stream.closing")]),
    (init) => stream(init, [frame("2-0", "turn.restarted", { turn: 1 }), frame("2-1", "delta", { t: "ab" }), completed()]),
  );
  const found = await running(all(client(server).continueConversationStream(CASE, "hello")));
  assert.deepEqual(found.map((one) => one.type), [
    "turn.accepted", "delta", "turn.restarted", "delta", "turn.completed",
  ]);
});

test("an end without a terminal event is an interruption; 204 says that all was seen", async () => {
  const server = serverOf(
    (init) => stream(init, [frame("1-1", "delta", { t: "a" })], { end: true }),
    new Response(null, { status: 204, headers: { "Triage-Turn": "1" } }),
  );
  const found = await running(all(client(server).resumeTurn(CASE, 1, { after: "1-0" })));
  assert.deepEqual(found.map((one) => one.type), ["delta", "connection", "connection"]);
  assert.deepEqual(server.asked.map((one) => one.headers["Last-Event-ID"]), ["1-0", "1-1"]);
});

test("a stream that ends at once, again and again, is given up in the end", async () => {
  const server = serverOf((init) => stream(init, [], { end: true }));
  const error = await running(all(client(server).resumeTurn(CASE, 1)).catch((e) => e));
  assert.equal(error.name, "ConnectionLost");
});

test("a signal stops reading, waiting and trying again, with its own reason", async () => {
  const reason = new Error("closed");
  const attempts = [
    (one, signal) => all(one.continueConversationStream(CASE, "hello", { signal })),
    (one, signal) => one.continueConversation(CASE, "hello", { signal }),
    (one, signal) => one.waitForResult(CASE, { signal }),
    (one, signal) => all(one.caseEvents(CASE, { signal })),
  ];
  for (const attempt of attempts) {
    for (const server of [serverOf(broken), serverOf((init) => stream(init, [frame("1-1", "delta", { t: "a" })]))]) {
      const controller = new AbortController();
      setTimeout(() => controller.abort(reason), 10_000);
      const error = await running(attempt(client(server), controller.signal).catch((e) => e), 60_000);
      assert.equal(error, reason, String(attempt));
    }
  }
});

test("analytics hear what happened and never what was said; their mistakes are their own", async () => {
  const heard = [];
  mock.method(console, "error", () => undefined);
  const onEvent = (event) => {
    heard.push(event);
    throw new Error("a mistake of theirs");
  };
  const server = serverOf(
    json({ case_id: CASE, case_token: "t", variant: "v2", playbook: "p", locale: "en", message: "Hi" }, 201),
    (init) => stream(init, [frame("1-0", "turn.started", { turn: 1 }), frame("1-1", "delta", { t: "ab" }), completed()]),
    json({ score: 9, comment: "secret" }),
  );
  const one = client(server, { onEvent });
  await running(one.startTriage({ userRef: "ana", locale: "en" }));
  await running(all(one.continueConversationStream(CASE, "a secret")));
  await running(one.rate(CASE, 9, { comment: "secret" }));
  assert.deepEqual(heard.map((event) => event.name), [
    "case.started", "message.sent", "turn.first_word", "turn.ended", "rated",
  ]);
  assert.ok(heard.every((event) => event.variant === "v2" && event.case_id === CASE));
  assert.doesNotMatch(JSON.stringify(heard), /secret|ana\b|"ab"/);
});

test("a case is asked for again under the same key, and another one under another", async () => {
  const started = json({ case_id: CASE, case_token: "t", variant: "v2", playbook: "p", locale: "en", message: "Hi" }, 201);
  const server = serverOf(broken, problem("draining", 503), started, started, started);
  const one = client(server);
  await running(one.startTriage());
  await running(one.startTriage());
  await running(one.startTriage({ idempotencyKey: "kept over a reload" }));
  const keys = server.asked.map(({ headers }) => headers["Idempotency-Key"]);
  assert.match(keys[0], /^[0-9a-f]{32}$/);
  assert.deepEqual(keys.slice(0, 3), [keys[0], keys[0], keys[0]]);
  assert.notEqual(keys[3], keys[0]);
  assert.equal(keys[4], "kept over a reload");
});

test("a command that takes long is looked for, and asked for again under its key once it is over", async () => {
  const later = { case_id: CASE, turn: 3, status: "running", text: "", last_event_id: null };
  const server = serverOf(
    json(later, 202, { "Retry-After": "1" }),
    json(later, 200, { ETag: '"1"', "Retry-After": "1" }),
    json({ ...later, status: "completed", text: "Corrected." }, 200, { ETag: '"2"' }),
    json({ ...ANSWER, turn: 3, message: "Corrected." }),
  );
  const answer = await running(client(server).correctFact(CASE, "when", "2026-03-01"));
  assert.equal(answer.message, "Corrected.");
  const facts = `/cases/${CASE}/facts`;
  const turn = `/cases/${CASE}/turns/3`;
  assert.deepEqual(server.asked.map((one) => one.path), [facts, turn, turn, facts]);
  assert.equal(server.asked[0].headers["Idempotency-Key"], server.asked[3].headers["Idempotency-Key"]);
  assert.deepEqual(server.asked[3].body, { slot: "when", value: "2026-03-01" });
});

test("without a stream a turn ends as it does with one", async () => {
  const html = new Response("<html>", { headers: { "Content-Type": "text/html" } });
  const job = { job: `${CASE}.1`, queue: "complex", state: "queued" };
  for (const [answer, types] of [
    [{ job, interview: "complete", status: "completed" }, ["turn.accepted", "analysis.queued", "turn.completed"]],
    [{ outcome: "cancelled" }, ["turn.accepted", "turn.cancelled"]],
    [{ outcome: "failed" }, ["turn.accepted", "turn.failed"]],
  ]) {
    const one = client(serverOf(html, json({ ...ANSWER, ...answer })));
    const found = await running(all(one.continueConversationStream(CASE, "hello")));
    assert.deepEqual(found.map((event) => event.type), types);
    assert.equal(found.at(-1).message, ANSWER.message);
    assert.deepEqual(await one.pendingTurns(CASE), []);
  }
});

test("a store that somebody else wrote into is read as far as it makes sense", async () => {
  for (const nonsense of ["{", '"text"', "null"]) {
    const store = durableStore();
    store.setItem(`triage:${CASE}:pending`, nonsense);
    const one = client(serverOf(json(ANSWER)), { store });
    assert.deepEqual(await one.pendingTurns(CASE), []);
    await running(one.continueConversation(CASE, "hello"));
    assert.equal(store.getItem(`triage:${CASE}:pending`), null);
  }
});

test("a store may answer later, as those of apps do", async () => {
  const kept = durableStore();
  const soon = (value) => new Promise((resolve) => setTimeout(resolve, 5, value));
  const store = {
    getItem: (key) => soon(kept.getItem(key)),
    setItem: (key, value) => soon(kept.setItem(key, value)),
    removeItem: (key) => soon(kept.removeItem(key)),
  };
  const server = serverOf(broken, json(ANSWER));
  const one = client(server, { store });
  await running(Promise.all(["a", "b", "c"].map((text) => one.continueConversation(CASE, text))));
  assert.deepEqual([...kept.kept.keys()], []);
});
