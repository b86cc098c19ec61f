// Builds the TypeScript client and the pages: `node build.mjs person|operators|client|all`.
// The same sources give the same bytes. TRIAGE_WEB_OUT names another folder to build into.

import { execFileSync } from "node:child_process";
import { cp, mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import openapiTypes, { astToString } from "openapi-typescript";

const WEB = dirname(fileURLToPath(import.meta.url));
const OUT = process.env.TRIAGE_WEB_OUT ?? WEB;
const HEAD = "// Generated from the API's OpenAPI document by `make web`; do not edit.\n\n";
const PAGES = ["person", "operators"];
/** What a browser that is not three years behind understands. */
const TARGET = ["chrome109", "firefox115", "safari16.4"];

/** Types of everything that travels, from the document that `triage openapi` prints. */
async function schema() {
  const { paths: _, ...document } = JSON.parse(await text(process.stdin));
  const options = { rootTypes: true, rootTypesNoSchemaPrefix: true, defaultNonNullable: false };
  const types = HEAD + astToString(await openapiTypes({ ...document, paths: {} }, options));
  const file = join(OUT, "client", "src", "schema.ts");
  await mkdir(dirname(file), { recursive: true });
  if (!existsSync(file) || (await readFile(file, "utf8")) !== types) await writeFile(file, types);
}

/** The package: one module, and the declarations of what it exports. */
async function client() {
  const dist = join(OUT, "client", "dist");
  await rm(dist, { recursive: true, force: true });
  await build({
    ...common(),
    entryPoints: [join(WEB, "client", "src", "index.ts")],
    outfile: join(dist, "intelligentTriage.js"),
    platform: "neutral",
    target: ["es2022"],
    minify: false,
  });
  tsc("--project", join(WEB, "client", "tsconfig.json"), "--outDir", join(dist, "types"));
  const head = "/** Types of the client of Triage. */\n";
  await writeFile(join(dist, "intelligentTriage.d.ts"), `${head}export * from "./types/index.js";\n`);
}

/** A page: one script and one style sheet, and whatever stands beside its `index.html` as it is. */
async function page(name) {
  const from = join(WEB, name);
  const to = join(OUT, "built", name);
  await rm(to, { recursive: true, force: true });
  await mkdir(to, { recursive: true });
  await build({
    ...common(),
    entryPoints: [join(from, "main.tsx")],
    outdir: to,
    platform: "browser",
    target: TARGET,
    minify: true,
    jsx: "automatic",
    jsxImportSource: "preact",
    external: ["*.woff2"],
  });
  const assets = join(from, "static");
  if (existsSync(assets)) {
    for (const one of (await readdir(assets)).sort()) await cp(join(assets, one), join(to, one));
  }
}

function common() {
  return {
    absWorkingDir: WEB,
    bundle: true,
    format: "esm",
    charset: "utf8",
    legalComments: "none",
    logLevel: "warning",
  };
}

function tsc(...options) {
  const compiler = join(WEB, "node_modules", "typescript", "bin", "tsc");
  execFileSync(process.execPath, [compiler, ...options], { cwd: WEB, stdio: "inherit" });
}

async function main(what) {
  const pages = PAGES.filter((one) => existsSync(join(WEB, one, "main.tsx")));
  if (what === "schema") return schema();
  if (what === "check") return tsc("--project", join(WEB, "tsconfig.json"));
  if (what === "client") return client();
  if (PAGES.includes(what)) return page(what);
  if (what !== "all") throw new Error(`node build.mjs ${[...PAGES, "client", "all"].join("|")}`);
  await client();
  for (const one of pages) await page(one);
}

await main(process.argv[2]);
