// Every example of the package's README and of the guide runs as it stands, against a real server.

import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, symlink, writeFile, mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";

import { durableStore, given, TriageClient } from "./support.mjs";

const PACKAGE = fileURLToPath(new URL("../../../app/web/client", import.meta.url));
const GUIDE = fileURLToPath(new URL("../../../docs/frontend.md", import.meta.url));
const TEXT = (await Promise.all([join(PACKAGE, "README.md"), GUIDE].map((one) => readFile(one, "utf8")))).join("\n");
const EXAMPLES = [...TEXT.matchAll(/^```(?:js|ts)\n([\s\S]*?)^```$/gm)].map((one) => one[1]);

let folder;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "readme-"));
  await mkdir(join(folder, "node_modules"));
  await symlink(PACKAGE, join(folder, "node_modules", "intelligent-triage"));
});
after(() => rm(folder, { recursive: true }));

/** What stands around an example: what it takes for granted. */
function surrounded(example) {
  const imports = (example.match(/^import .*$/gm) ?? []).join("\n");
  const rest = example.replace(/^import .*$/gm, "");
  const client = /\bconst client\b/.test(rest) ? "" : ", client";
  const given = `{ baseUrl, store, caseId, fill, console, self, navigator${client} }`;
  return `${imports}\nexport async function run(${given}) {\n${rest}\n}\n`;
}

/** A browser as far as notifications go: its service worker, and what was shown and subscribed. */
function browser(shown) {
  const event = { data: { json: () => ({ case_id: "c", kind: "analysis.completed" }) }, waitUntil: () => {} };
  const self = {
    addEventListener: (name, told) => name === "push" && told(event),
    registration: { showNotification: (title, more) => shown.push([title, more]) },
  };
  const subscription = JSON.parse(given("TRIAGE_SUBSCRIPTION"));
  const pushManager = {
    getSubscription: async () => null,
    subscribe: async (options) => (shown.push(options), { toJSON: () => subscription }),
  };
  return { self, navigator: { serviceWorker: { register: async () => ({ pushManager }) } } };
}

test("there are examples", () => {
  assert.ok(EXAMPLES.length >= 8);
});

EXAMPLES.forEach((example, number) => {
  const title = TEXT.slice(0, TEXT.indexOf(example)).match(/^## (.*)$/gm)?.at(-1).slice(3);
  test(`example ${number + 1}: ${title}`, async () => {
    const baseUrl = given("TRIAGE_A");
    const store = durableStore();
    const client = new TriageClient({ baseUrl, store });
    const { case_id: caseId } = await client.startTriage({ locale: "en" });
    for await (const event of client.continueConversationStream(caseId, "The pipe leaks.")) {
      if (event.type === "delta") break;
    }
    const fill = (form) => {
      assert.ok(form.sections.length);
      return { story: "The pipe leaks.", when: "yesterday", wish: "Repair it.", tenure: "rent" };
    };
    const said = [], shown = [];
    const file = join(folder, `example${number}.mjs`);
    await writeFile(file, surrounded(example));
    const { run } = await import(pathToFileURL(file));
    const console = { log: (...words) => said.push(words) };
    await run({ baseUrl, store, caseId, fill, console, client, ...browser(shown) });
    if (example.includes("console.log")) assert.ok(said.length, "it says something");
    if (/push/i.test(example)) assert.equal(shown.length, 1, "it shows or subscribes something");
  });
});
