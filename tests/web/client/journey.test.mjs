// Whole journeys against a real server: both variants, every call.

import assert from "node:assert/strict";
import { before, test } from "node:test";

import {
  all, byVariant, durableStore, given, sha256, spoken, STORY, textAfter, TriageClient,
} from "./support.mjs";

const ANSWERS = {
  story: "Water has been dripping from my bathroom ceiling.",
  when: "yesterday", wish: "Please repair it.", tenure: "own", rooms: "2",
};
const heard = [];
let client;
let store;

before(() => {
  store = durableStore();
  client = new TriageClient({ baseUrl: given("TRIAGE_A"), store, onEvent: (event) => heard.push(event) });
});

/** A case of a variant: people are dealt one by their name. */
async function caseOf(variant) {
  for (let number = 0; ; number += 1) {
    const opened = await client.startTriage({ locale: "en", userRef: `person ${number}` });
    if (opened.variant === variant) return opened;
  }
}

test("a conversation goes word by word to its result", async () => {
  const opened = await client.startTriage({ locale: "en", attributes: { channel: "web" } });
  assert.equal(opened.variant, "v2");
  assert.match(opened.message, /in your own words/);

  const events = await all(client.continueConversationStream(opened.case_id, STORY));
  assert.equal(events[0].type, "turn.accepted");
  const last = events.at(-1);
  assert.equal(last.type, "turn.completed");
  assert.ok(events.filter((one) => one.type === "delta").length > 3, "it comes word by word");
  assert.equal(spoken(events, textAfter), last.message);
  assert.equal(sha256(last.message), last.sha256);
  assert.deepEqual(await client.pendingTurns(opened.case_id), []);

  const status = await client.getStatus(opened.case_id);
  assert.ok(status.facts.some((one) => one.slot === "story"));
  const corrected = await client.correctFact(opened.case_id, "place", "Lisbon");
  assert.equal(corrected.turn, 2);
  const ended = await client.forceComplete(opened.case_id, { reason: "that is all" });
  assert.equal(ended.interview, "complete");
  const result = await client.waitForResult(opened.case_id);
  assert.deepEqual(result, await client.getResult(opened.case_id));
  assert.equal(result.classification.code, "plumbing.leak");
  assert.deepEqual(await client.rate(opened.case_id, 9, { comment: "Quick." }), { score: 9, comment: "Quick." });

  const whole = await client.getCase(opened.case_id);
  assert.deepEqual(whole.turns.map((one) => one.kind), ["say", "correct", "conclude"]);
  const exported = await client.exportCase(opened.case_id);
  assert.equal(exported.conversation.turns[0].message, STORY);
  assert.deepEqual(exported.rating, { score: 9, comment: "Quick." });

  await client.deleteCase(opened.case_id);
  await assert.rejects(client.getCase(opened.case_id), { name: "TriageError", status: 401 });
  assert.ok([...store.kept.keys()].every((key) => !key.includes(opened.case_id)), "nothing is kept here");
  const names = heard.filter((one) => one.case_id === opened.case_id).map((one) => one.name);
  assert.deepEqual(names, [
    "case.started", "message.sent", "turn.first_word", "turn.ended", "fact.corrected",
    "interview.completed", "result.received", "result.received", "rated", "case.exported", "case.erased",
  ]);
});

test("a form is filled in, mistakes are named, and a conversation may follow", async () => {
  const opened = await caseOf("v1");
  const title = byVariant(opened, {
    v1: (one) => one.form.sections[0].title,
    v2: () => assert.fail("this is a form"),
  });
  assert.equal(title, "What happened");
  await client.beginForm(opened.case_id);
  await client.beginForm(opened.case_id);
  const mistake = await client.submitForm(opened.case_id, { story: "x", sky: "blue" }).catch((e) => e);
  assert.equal(mistake.kind, "form-invalid");
  const codes = Object.fromEntries(mistake.errors.map((one) => [one.field, one.code]));
  assert.equal(codes.sky, "unknown_field");
  assert.equal(codes.tenure, "required");
  assert.equal((await client.getForm(opened.case_id)).status, "open");

  const answer = await client.submitForm(opened.case_id, ANSWERS);
  assert.equal(answer.outcome, "completed");
  assert.equal((await client.getForm(opened.case_id)).answers.tenure, "own");
  const result = await client.waitForResult(opened.case_id);
  assert.equal(result.classification.code, "plumbing.leak");
  assert.equal((await client.exportCase(opened.case_id)).form_answers.wish, ANSWERS.wish);
  const names = heard.filter((one) => one.case_id === opened.case_id).map((one) => one.name);
  assert.deepEqual(names.slice(0, 2), ["case.started", "form.begun"]);
  assert.ok(names.includes("form.refused") && names.includes("form.submitted"));
  assert.ok(heard.filter((one) => one.case_id === opened.case_id).every((one) => one.variant === "v1"));
});

test("a form that somebody begins is begun once, however often it is said", async () => {
  const opened = await caseOf("v1");
  await Promise.all([client.beginForm(opened.case_id), client.beginForm(opened.case_id)]);
  assert.equal((await client.getCase(opened.case_id)).turns.length, 1);
});

test("the same key is one turn, however often it is sent", async () => {
  const opened = await client.startTriage({ locale: "en" });
  const say = () => client.continueConversation(opened.case_id, STORY, { idempotencyKey: "one" });
  const answers = await Promise.all([say(), say(), say()]);
  assert.equal(new Set(answers.map((one) => JSON.stringify([one.turn, one.message]))).size, 1);
  assert.equal((await client.getCase(opened.case_id)).turns.length, 1);
  const other = client.continueConversation(opened.case_id, "other words", { idempotencyKey: "one" });
  await assert.rejects(other, { kind: "idempotency-mismatch", status: 422 });
});

test("a message that is busy waits, is refused, or interrupts, as it says", async () => {
  const opened = await client.startTriage({ locale: "en" });
  const first = client.continueConversationStream(opened.case_id, STORY);
  await first.next();
  const refused = await client.continueConversation(opened.case_id, "no", { onBusy: "reject" }).catch((e) => e);
  assert.deepEqual([refused.kind, refused.problem.turn], ["turn-busy", 1]);
  const second = client.continueConversation(opened.case_id, "Since Monday.", { onBusy: "interrupt" });
  const events = await all(first);
  assert.equal(events.at(-1).type, "turn.cancelled");
  assert.equal((await second).turn, 2);
});

test("stopping keeps what was said, and may be repeated", async () => {
  const opened = await client.startTriage({ locale: "en" });
  let stopped;
  const events = [];
  for await (const event of client.continueConversationStream(opened.case_id, STORY)) {
    events.push(event);
    if (event.type === "delta" && !stopped) stopped = client.cancelTurn(opened.case_id, 1);
  }
  assert.equal((await stopped).status, "cancelled");
  assert.equal(events.at(-1).type, "turn.cancelled");
  assert.equal((await client.cancelTurn(opened.case_id, 1)).text, events.at(-1).message);
  assert.equal((await client.getCase(opened.case_id)).turns[0].outcome, "cancelled");
});

test("leaving is not stopping: the turn is there when somebody comes back", async () => {
  const opened = await client.startTriage({ locale: "en" });
  let last;
  let heardSoFar = "";
  for await (const event of client.continueConversationStream(opened.case_id, STORY)) {
    heardSoFar = textAfter(heardSoFar, event);
    last = event.id ?? last;
    if (event.type === "delta") break;
  }
  const [pending] = await client.pendingTurns(opened.case_id);
  assert.deepEqual([pending.turn, pending.message], [1, STORY]);
  const rest = await all(client.resumeTurn(opened.case_id, 1, { after: last }));
  const text = heardSoFar + spoken(rest, textAfter);
  assert.equal(text, rest.at(-1).message);
  const nothing = await all(client.resumeTurn(opened.case_id, 1, { after: rest.at(-1).id }));
  assert.deepEqual(nothing, []);
});

test("a reload in the middle goes on with the same turn, at another instance", async () => {
  const opened = await client.startTriage({ locale: "en" });
  for await (const event of client.continueConversationStream(opened.case_id, STORY)) {
    if (event.type === "delta") break;
  }
  const reloaded = new TriageClient({ baseUrl: given("TRIAGE_B"), store });
  const [pending] = await reloaded.pendingTurns(opened.case_id);
  const events = await all(reloaded.resumePending(opened.case_id, pending));
  assert.equal(spoken(events, textAfter), events.at(-1).message);
  assert.deepEqual(await reloaded.pendingTurns(opened.case_id), []);
  assert.equal((await client.getCase(opened.case_id)).turns.length, 1);
});

test("the case's events tell of a turn, and resume", async () => {
  const opened = await client.startTriage({ locale: "en" });
  await client.continueConversation(opened.case_id, STORY);
  let first;
  for await (first of client.caseEvents(opened.case_id)) break;
  assert.match(first.type, /^case\./);
  await client.askForHuman(opened.case_id, { reason: "I would rather talk." });
  const seen = [];
  for await (const event of client.caseEvents(opened.case_id, { after: first.id })) {
    seen.push(event);
    if (event.type === "handoff.requested") break;
  }
  assert.ok(seen.every((one) => one.id !== first.id));
  assert.equal((await client.getStatus(opened.case_id)).handoff.status, "requested");
});

test("a link opens the case on another device, once", async () => {
  const opened = await client.startTriage({ locale: "en" });
  await client.continueConversation(opened.case_id, STORY);
  const { code, expires_at } = await client.makeLink(opened.case_id);
  assert.ok(expires_at > Date.now());
  const phone = new TriageClient({ baseUrl: given("TRIAGE_B") });
  const { case_id } = await phone.openLink(code);
  assert.equal((await phone.getCase(case_id)).turns[0].message, STORY);
  await assert.rejects(phone.openLink(code), { kind: "link-not-found", status: 404 });
});

test("a browser is told of a case by push, under the server's own key", async () => {
  const opened = await client.startTriage({ locale: "en" });
  const asked = [];
  const subscription = JSON.parse(given("TRIAGE_SUBSCRIPTION"));
  const made = { toJSON: () => subscription, unsubscribe: async () => assert.fail("it is ours") };
  const pushManager = {
    getSubscription: async () => null,
    subscribe: async (options) => (asked.push(options), made),
  };
  const name = await client.subscribePush(opened.case_id, { pushManager });
  assert.equal(asked[0].userVisibleOnly, true);
  assert.equal(asked[0].applicationServerKey.length, 65);
  assert.equal((await client.exportCase(opened.case_id)).browsers[0].subscription, name);
  await client.unsubscribePush(opened.case_id, name);
  assert.deepEqual((await client.exportCase(opened.case_id)).browsers, []);
});

test("a subscription under another server's key is replaced", async () => {
  const opened = await client.startTriage({ locale: "en" });
  const subscription = JSON.parse(given("TRIAGE_SUBSCRIPTION"));
  const calls = [];
  const old = {
    options: { applicationServerKey: new Uint8Array(65).buffer },
    toJSON: () => assert.fail("it is another server's"),
    unsubscribe: async () => calls.push("unsubscribe"),
  };
  const pushManager = {
    getSubscription: async () => old,
    subscribe: async () => (calls.push("subscribe"), { toJSON: () => subscription }),
  };
  await client.subscribePush(opened.case_id, { pushManager });
  assert.deepEqual(calls, ["unsubscribe", "subscribe"]);
});

test("somebody else's case is not there, and other calls are as patient", async () => {
  const opened = await client.startTriage({ locale: "en" });
  const stranger = new TriageClient({ baseUrl: given("TRIAGE_A"), token: "no token of this case" });
  await assert.rejects(stranger.getCase(opened.case_id), { kind: "case-not-found", status: 404 });
  await stranger.adoptCase(opened.case_id, opened.case_token);
  assert.equal((await stranger.getCase(opened.case_id)).case_id, opened.case_id);
  await stranger.forgetCase(opened.case_id);
  await assert.rejects(stranger.getCase(opened.case_id), { status: 404 });
  const operator = new TriageClient({ baseUrl: given("TRIAGE_A"), token: async () => given("TRIAGE_OPERATOR") });
  const { workers } = await operator.request("GET", "/workers");
  assert.ok(Array.isArray(workers));
});
