// An analysis that goes on in the background, with a real worker: followed, waited for, and found.

import assert from "node:assert/strict";
import { test } from "node:test";

import { all, FaultProxy, given, TriageClient } from "./support.mjs";

const STORY = "Water drips from the ceiling, the sockets spark, and the neighbour above and the landlord"
  + " both say that it is not theirs to mend; it goes to court next week.";

test("the end of the interview says that the analysis goes on, and its progress is told", async () => {
  const client = new TriageClient({ baseUrl: given("TRIAGE_A") });
  const opened = await client.startTriage({ locale: "en" });
  const events = await all(client.continueConversationStream(opened.case_id, STORY));
  assert.deepEqual(events.slice(-2).map((one) => one.type), ["analysis.queued", "turn.completed"]);
  assert.equal(events.at(-2).queue, "complex");
  const progress = [];
  const result = await client.waitForResult(opened.case_id, { onProgress: (one) => progress.push(one) });
  assert.equal(result.classification.code, "plumbing.leak");
  assert.equal(result.provenance.strategy, "ensemble");
  const steps = progress.filter((one) => one.done).map((one) => [one.done, one.of]);
  assert.ok(steps.length > 0, JSON.stringify(progress));
  assert.ok(steps.every(([done, of]) => done <= of));
});

test("without a stream the whole answer names the job, and the result is waited for", async () => {
  const client = new TriageClient({ baseUrl: given("TRIAGE_A") });
  const opened = await client.startTriage({ locale: "en" });
  const answer = await client.continueConversation(opened.case_id, STORY);
  assert.equal(answer.job.planned, "ensemble");
  assert.equal(answer.analysis, null);
  assert.equal((await client.waitForResult(opened.case_id)).provenance.strategy, "ensemble");
});

test("where the case's events do not come through, polling finds the result", async () => {
  const proxy = await new FaultProxy(given("TRIAGE_A")).start();
  const looks = [];
  const fetch = (url, init) => {
    if (String(url).endsWith("/events")) return Promise.resolve(new Response("no", { status: 403 }));
    if (String(url).includes("/status/")) looks.push(Date.now());
    return globalThis.fetch(url, init);
  };
  const client = new TriageClient({ baseUrl: proxy.url, fetch });
  const opened = await client.startTriage({ locale: "en" });
  await client.continueConversation(opened.case_id, STORY);
  assert.equal((await client.waitForResult(opened.case_id)).provenance.strategy, "ensemble");
  // The server asks for a second; the first look is followed by one when the events turn out closed.
  const waits = looks.slice(2).map((at, index) => at - looks[index + 1]);
  assert.ok(waits.every((one) => one >= 950), JSON.stringify(waits));
  await proxy.stop();
});
