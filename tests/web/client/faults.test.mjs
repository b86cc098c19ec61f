// Networks that break and servers that die, in the middle of a word: nothing is lost or said twice.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import {
  all, durableStore, FaultProxy, given, sha256, spoken, STORY, textAfter, TriageClient,
} from "./support.mjs";

let proxy;

before(async () => {
  proxy = await new FaultProxy(given("TRIAGE_A")).start();
});
after(() => proxy.stop());

function throughProxy(options = {}) {
  return new TriageClient({ baseUrl: proxy.url, store: durableStore(), ...options });
}

/** Check that a turn was told whole: every word once, and exactly one end. */
function isWhole(events) {
  const ends = events.filter((one) => /^turn\.(completed|cancelled|failed)$/.test(one.type));
  assert.deepEqual(ends, [events.at(-1)]);
  assert.equal(spoken(events, textAfter), ends[0].message);
  assert.equal(sha256(ends[0].message), ends[0].sha256);
}

test("a network that is cut anywhere in an answer loses and doubles no word", async () => {
  const client = throughProxy();
  const direct = new TriageClient({ baseUrl: given("TRIAGE_A") });
  // Heads, half frames, halves of characters: the cuts go through everything that is sent.
  for (const cuts of [[1], [120], [250], [331], [390], [402, 390], [455], [507, 300, 350], [560], [613], [700]]) {
    const opened = await direct.startTriage({ locale: "pt-BR" });
    await client.adoptCase(opened.case_id, opened.case_token);
    proxy.plan(...cuts);
    isWhole(await all(client.continueConversationStream(opened.case_id, "Está pingando água do teto do banheiro.")));
    assert.deepEqual(proxy.cuts, [], `every planned cut at ${cuts} was made`);
    await direct.adoptCase(opened.case_id, opened.case_token);
    assert.equal((await direct.getCase(opened.case_id)).turns.length, 1, `cut at ${cuts}`);
  }
});

test("an answer that is lost is asked for again, and the message is taken once", async () => {
  const client = throughProxy();
  const opened = await client.startTriage({ locale: "en" });
  proxy.plan(0, 10, 200);
  const answer = await client.continueConversation(opened.case_id, STORY);
  assert.equal(answer.turn, 1);
  assert.deepEqual(proxy.cuts, []);
  proxy.plan(0);
  assert.equal((await client.correctFact(opened.case_id, "place", "Lisbon")).turn, 2);
  assert.equal((await client.getCase(opened.case_id)).turns.length, 2);
});

test("a case that was opened, and whose answer got lost, is the same when asked for again", async () => {
  const client = throughProxy();
  const idempotencyKey = crypto.randomUUID();
  proxy.plan(60);
  const opened = await client.startTriage({ locale: "en", idempotencyKey });
  assert.deepEqual(proxy.cuts, []);
  const other = new TriageClient({ baseUrl: given("TRIAGE_B") });
  const again = await other.startTriage({ locale: "en", idempotencyKey });
  assert.deepEqual([again.case_id, again.case_token], [opened.case_id, opened.case_token]);
  assert.equal((await other.getCase(again.case_id)).turns.length, 0);
});

test("a link that was opened, and whose answer got lost, is opened all the same", async () => {
  const client = throughProxy();
  const opened = await client.startTriage({ locale: "en" });
  const { code } = await client.makeLink(opened.case_id);
  proxy.plan(60);
  const phone = throughProxy();
  assert.equal((await phone.openLink(code)).case_id, opened.case_id);
  assert.deepEqual(proxy.cuts, []);
});

test("while the network is away people are told so, and then it goes on by itself", async () => {
  const heard = [];
  const client = throughProxy({ onEvent: (event) => heard.push(event.name) });
  const opened = await client.startTriage({ locale: "en" });
  const events = [];
  for await (const event of client.continueConversationStream(opened.case_id, STORY)) {
    events.push(event);
    if (event.type === "delta" && !proxy.down && !events.some((one) => one.type === "connection")) {
      proxy.down = true;
      proxy.cut();
    } else if (event.type === "connection" && event.state === "lost") {
      assert.ok(event.retryInMs >= 0);
      const lost = events.filter((one) => one.type === "connection").length;
      if (lost === 3) proxy.down = false;
    }
  }
  isWhole(events);
  const states = events.filter((one) => one.type === "connection").map((one) => one.state);
  assert.deepEqual(states, ["lost", "lost", "lost", "restored"]);
  assert.equal(heard.filter((one) => one === "connection.lost").length, 1);
  assert.equal(heard.filter((one) => one === "connection.restored").length, 1);
});

test("waiting for a result outlives the network", async () => {
  const client = throughProxy();
  const opened = await client.startTriage({ locale: "en" });
  await client.continueConversation(opened.case_id, STORY);
  const waiting = client.waitForResult(opened.case_id);
  proxy.cut();
  const direct = new TriageClient({ baseUrl: given("TRIAGE_B") });
  await direct.adoptCase(opened.case_id, opened.case_token);
  await direct.forceComplete(opened.case_id);
  proxy.cut();
  assert.equal((await waiting).classification.code, "plumbing.leak");
});

test("a server that is killed in the middle of a word is replaced by another", async () => {
  const client = throughProxy();
  const opened = await client.startTriage({ locale: "en" });
  const events = [];
  let killed = false;
  for await (const event of client.continueConversationStream(opened.case_id, STORY)) {
    events.push(event);
    if (event.type === "delta" && !killed) {
      killed = true;
      process.kill(Number(given("TRIAGE_A_PID")), "SIGKILL");
      proxy.target = new URL(given("TRIAGE_B"));
    }
  }
  isWhole(events);
  const types = events.map((one) => one.type);
  assert.ok(types.includes("turn.restarted"), `another one began anew: ${types}`);
  assert.ok(types.indexOf("turn.restarted") > types.indexOf("delta"));
  assert.equal((await client.getCase(opened.case_id)).turns.length, 1);
});
