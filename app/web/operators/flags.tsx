/** The feature flags as they are live, and what they have decided. */

import type { FlagsView as Flags } from "../client/src/schema.ts";
import { useStore } from "../common/store.ts";
import { read } from "./api.ts";
import { Empty, Failure, Loading, Moment, Pair, Pairs, count } from "./bits.tsx";
import { Shares } from "./charts.tsx";
import { useLoaded } from "./loading.ts";
import { link } from "./route.ts";
import { session } from "./session.ts";
import { useTexts } from "./texts.ts";

export function FlagsView() {
  const t = useTexts();
  const f = t.flags;
  const { language } = useStore(session);
  const loaded = useLoaded((signal) => read<Flags>("/flags", {}, signal), "flags", 5_000);
  const flags = loaded.value;
  const percent = (share: number) => share.toLocaleString(language, { style: "percent", maximumFractionDigits: 1 });
  return (
    <section class="view">
      <h1>{f.title}</h1>
      {loaded.error && <Failure error={loaded.error} onRetry={loaded.reload} />}
      {loaded.loading && <Loading />}
      {flags && (
        <>
          <div class="tiles">
            <section class="card">
              <h2>{f.live}</h2>
              <Pairs>
                <Pair label={f.hash}>
                  <span class="mono">{flags.hash}</span>
                </Pair>
                <Pair label={f.source}>{f.sources[flags.source as keyof typeof f.sources] ?? flags.source}</Pair>
                <Pair label={f.taken}>{flags.at ? <Moment ms={flags.at} seconds /> : "–"}</Pair>
                {flags.updated && <Pair label={f.changed}>{flags.updated}</Pair>}
              </Pairs>
            </section>
            <section class="card">
              <h2>{f.counts}</h2>
              <Pairs>
                <Pair label={f.assigned}>{count(flags.counts.assigned, language)}</Pair>
                <Pair label={f.outside}>{count(flags.counts.outside, language)}</Pair>
                <Pair label={f.nameless}>{count(flags.counts.nameless, language)}</Pair>
                <Pair label={f.unusable}>{count(flags.counts.unusable, language)}</Pair>
              </Pairs>
            </section>
          </div>
          <h2>{f.features}</h2>
          {flags.features.length === 0 && <Empty>{f.empty}</Empty>}
          {flags.features.map((feature) => (
            <section key={feature.key} class="card">
              <h3 class="mono">{feature.key}</h3>
              <Pairs>
                <Pair label={f.default}>
                  <code>{feature.default}</code>
                </Pair>
                <Pair label={f.rules}>{feature.rules}</Pair>
              </Pairs>
              {feature.experiments.map((one) => (
                <div key={one.key} class="experiment-rule">
                  <p>
                    {f.experiment}: <a href={link("experiments", one.key)}>{one.name || one.key}</a>
                  </p>
                  <Pairs>
                    <Pair label={f.coverage}>{percent(one.coverage)}</Pair>
                    <Pair label={f.unit}>
                      <code>{one.hash_attribute}</code>
                    </Pair>
                  </Pairs>
                  <Shares
                    label={f.weights}
                    of={one.variations.map((variation) => ({
                      name: variation.name && variation.name !== variation.key ? `${variation.key} · ${variation.name}` : variation.key,
                      share: variation.weight ?? 0,
                      text: variation.weight === null ? "–" : percent(variation.weight),
                    }))}
                  />
                </div>
              ))}
            </section>
          ))}
        </>
      )}
    </section>
  );
}
