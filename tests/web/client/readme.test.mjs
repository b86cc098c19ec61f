// Every example of the package's README runs as it stands, against a real server.

import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, symlink, writeFile, mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";

import { durableStore, given, TriageClient } from "./support.mjs";

const PACKAGE = fileURLToPath(new URL("../../../app/web/client", import.meta.url));
const README = await readFile(join(PACKAGE, "README.md"), "utf8");
const EXAMPLES = [...README.matchAll(/^```js\n([\s\S]*?)^```$/gm)].map((one) => one[1]);

let folder;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "readme-"));
  await mkdir(join(folder, "node_modules"));
  await symlink(PACKAGE, join(folder, "node_modules", "intelligent-triage"));
});
after(() => rm(folder, { recursive: true }));

/** What stands around an example: what it takes for granted. */
function surrounded(example) {
  const imports = example.match(/^import .*$/gm).join("\n");
  const rest = example.replace(/^import .*$/gm, "");
  return `${imports}\nexport async function run({ baseUrl, store, caseId, fill, console }) {\n${rest}\n}\n`;
}

test("there are examples", () => {
  assert.ok(EXAMPLES.length >= 5);
});

EXAMPLES.forEach((example, number) => {
  const title = README.slice(0, README.indexOf(example)).match(/^## .*$/gm)?.at(-1);
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
    const said = [];
    const file = join(folder, `example${number}.mjs`);
    await writeFile(file, surrounded(example));
    const { run } = await import(pathToFileURL(file));
    await run({ baseUrl, store, caseId, fill, console: { log: (...words) => said.push(words) } });
    if (example.includes("console.log")) assert.ok(said.length, "it says something");
  });
});
