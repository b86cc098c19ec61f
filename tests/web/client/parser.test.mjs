// Server-sent events are read as the standard says, however the bytes arrive.

import assert from "node:assert/strict";
import { test } from "node:test";

import { memoryStore, TriageClient } from "./support.mjs";

const CASE = "0".repeat(32);
const END = 'id: 9-9\nevent: turn.completed\ndata: {"type":"turn.completed","turn":1,"message":"x"}\n\n';

/** A client to whom a server would send exactly these pieces, on one stream. */
function reading(...pieces) {
  const body = new ReadableStream({
    start(controller) {
      for (const piece of pieces) controller.enqueue(piece);
      controller.close();
    },
  });
  const headers = { "Content-Type": "text/event-stream; charset=utf-8", "Triage-Turn": "1" };
  let asked = 0;
  const fetch = async () => {
    if (asked++) throw new Error("the client came back, though the turn was over");
    return new Response(body, { headers });
  };
  return new TriageClient({ fetch, store: memoryStore(), retryForMs: 0 });
}

/** The events of these pieces, without what the client adds of its own. */
async function read(...pieces) {
  const found = [];
  for await (const event of reading(...pieces).resumeTurn(CASE, 1)) {
    if (event.type !== "turn.accepted") found.push(event);
  }
  return found;
}

const bytes = (text) => new TextEncoder().encode(text);
const delta = (id, t, nl = "\n") =>
  `id: ${id}${nl}event: delta${nl}data: {"type":"delta","t":${JSON.stringify(t)}}${nl}${nl}`;

for (const [name, nl] of [["LF", "\n"], ["CRLF", "\r\n"], ["CR", "\r"]]) {
  test(`every split of a stream with ${name} gives the same events`, async () => {
    const text = [
      ": ok", `retry: 300${nl}`, // the comment and the request to come back are no events
      delta("1-1", "Olá, ação 👩🏽‍⚖️ — ", nl), `: hb${nl}${nl}`,
      delta("1-2", "日本語\n\"x\"", nl), END.replaceAll("\n", nl),
    ].join(nl === "\r" ? "\r" : nl);
    const whole = bytes(text);
    const expected = await read(whole);
    assert.deepEqual(expected.map((one) => one.type), ["delta", "delta", "turn.completed"]);
    assert.equal(expected[0].t, "Olá, ação 👩🏽‍⚖️ — ");
    assert.equal(expected[1].t, "日本語\n\"x\"");
    for (let at = 1; at < whole.length; at += 1) {
      const found = await read(whole.subarray(0, at), whole.subarray(at));
      assert.deepEqual(found, expected, `split at ${at}`);
    }
    const single = Array.from(whole, (one) => Uint8Array.of(one));
    assert.deepEqual(await read(...single), expected, "byte by byte");
  });
}

test("random splits into many pieces give the same events", async () => {
  const text = Array.from({ length: 12 }, (_, at) => delta(`1-${at + 1}`, `wörd${at} `)).join("") + END;
  const whole = bytes(text);
  const expected = await read(whole);
  let seed = 42;
  const random = () => (seed = (seed * 1103515245 + 12345) % 2 ** 31) / 2 ** 31;
  for (let round = 0; round < 200; round += 1) {
    const pieces = [];
    for (let at = 0; at < whole.length; ) {
      const size = 1 + Math.floor(random() * 23);
      pieces.push(whole.subarray(at, at + size));
      at += size;
    }
    assert.deepEqual(await read(...pieces), expected, `round ${round}`);
  }
});

test("data of several lines is joined, a space after the colon is dropped once", async () => {
  const found = await read(bytes('id:1-1\nevent:delta\ndata: {"type":"delta",\ndata:  "t": "a"}\n\n' + END));
  assert.equal(found[0].t, "a");
});

test("a byte order mark, unknown fields and events without data are passed over", async () => {
  const text = `\uFEFF${delta("1-1", "a")}unknown: 1\nnothing\n\nevent: delta\n\n${END}`;
  const found = await read(bytes(text));
  assert.deepEqual(found.map((one) => one.type), ["delta", "turn.completed"]);
});

test("events that were seen are passed over, and a snapshot says where to go on", async () => {
  const snapshot = 'id: 3-1\nevent: snapshot\ndata: {"type":"snapshot","text":"abc"}\n\n';
  const text = delta("5-2", "a") + delta("5-2", "a") + delta("5-1", "b") + delta("4-9", "c")
    + snapshot + delta("3-2", "d") + END;
  const found = await read(bytes(text));
  assert.deepEqual(found.map((one) => one.id), ["5-2", "3-1", "3-2", "9-9"]);
});

test("ids are compared as numbers, however long they are", async () => {
  const text = delta("1795639461330-9", "a") + delta("1795639461330-10", "b")
    + delta("1795639461331-0", "c") + delta("999999999999999999-1", "d")
    + delta("999999999999999999-0", "never") + END.replace("9-9", "999999999999999999-2");
  const found = await read(bytes(text));
  assert.equal(found.map((one) => one.t ?? "").join(""), "abcd");
});

test("what stands behind an unfinished frame is no event", async () => {
  const client = reading(bytes(delta("1-1", "a") + "id: 1-2\nevent: delta\ndata: {}"));
  const seen = [];
  await assert.rejects(async () => {
    for await (const event of client.resumeTurn(CASE, 1)) seen.push(event.type);
  }, { name: "ConnectionLost" });
  assert.deepEqual(seen, ["delta"]);
});
