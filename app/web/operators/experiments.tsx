/** What experiments have found, what to do about it, and how sure that is. */

import { useState } from "preact/hooks";

import { TriageError } from "../client/src/errors.ts";
import type { EffectFigures, ExperimentList, ExperimentReport, ExperimentStanding } from "../client/src/schema.ts";
import { Icon } from "../common/icons.tsx";
import { useStore } from "../common/store.ts";
import { read, readPage } from "./api.ts";
import { Empty, Failure, Lines, Loading, Moment, Pair, Pairs, Said, count, useReason, useSaid } from "./bits.tsx";
import { Days, type Interval, IntervalPicture, Shares, sideOf } from "./charts.tsx";
import { useLoaded } from "./loading.ts";
import { type Route, link } from "./route.ts";
import { session } from "./session.ts";
import { useTexts } from "./texts.ts";

const FRESH_MS = 15_000;
const ROLES = ["primary", "guardrail", "secondary"] as const;

export function ExperimentsView({ route }: { route: Route }) {
  const t = useTexts();
  const list = useLoaded((signal) => read<ExperimentList>("/operator/experiments", {}, signal), "experiments", FRESH_MS);
  const found = list.value?.experiments ?? [];
  const open = route.id ? found.find((one) => one.key === route.id) : undefined;
  return (
    <section class="view">
      {open ? (
        <a class="back" href={link("experiments")}>
          {t.caseView.back}
        </a>
      ) : (
        <h1>{t.experiments.title}</h1>
      )}
      {list.error && <Failure error={list.error} onRetry={list.reload} />}
      {list.loading ? (
        <Loading />
      ) : open ? (
        <Experiment of={open} />
      ) : found.length === 0 ? (
        !list.error && <Empty>{t.experiments.empty}</Empty>
      ) : (
        <ul class="experiments">
          {found.map((one) => (
            <li key={one.key} class="card">
              <p class="experiment-line">
                <Verdict of={one} />
                <span class="faint">{t.experiments.states[one.state ?? "waiting"]}</span>
              </p>
              <h2>
                <a href={link("experiments", one.key)}>{one.title}</a>
              </h2>
              <p>{one.question}</p>
              {one.reason && <p class="faint">{one.reason}</p>}
              <Persons of={one} />
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

const KINDS = {
  invalid: "bad",
  "roll back": "bad",
  ship: "good",
  "stop, no effect": "calm",
  "keep running": "calm",
} as const;

function Verdict({ of }: { of: ExperimentStanding }) {
  const t = useTexts();
  if (!of.verdict) return <b class="decision open">{t.experiments.none}</b>;
  return <b class={`decision ${KINDS[of.verdict]}`}>{t.experiments.decisions[of.verdict]}</b>;
}

function Persons({ of }: { of: ExperimentStanding }) {
  const t = useTexts();
  const e = t.experiments;
  const { language } = useStore(session);
  const persons = of.persons ?? {};
  const all = Object.values(persons).reduce((sum, one) => sum + one, 0);
  if (all === 0) return null;
  return (
    <>
      <p class="faint">
        {e.persons}: {count(all, language)} {e.planned(count(of.planned_persons, language))}
      </p>
      <Shares
        label={e.persons}
        of={Object.entries(persons).map(([arm, n]) => ({ name: arm, share: n / all, text: count(n, language) }))}
      />
    </>
  );
}

function Experiment({ of }: { of: ExperimentStanding }) {
  const t = useTexts();
  const e = t.experiments;
  const { language } = useStore(session);
  const reason = useReason();
  const { said, wrong, say } = useSaid();
  const [busy, setBusy] = useState(false);
  const report = useLoaded(
    (signal) => read<ExperimentReport>(`/operator/experiments/${encodeURIComponent(of.key)}`, {}, signal),
    `${of.key} ${of.computed_at ?? 0}`,
  );

  async function save() {
    setBusy(true);
    say("");
    try {
      const page = await readPage(`/operator/experiments/${encodeURIComponent(of.key)}/report`);
      const address = URL.createObjectURL(page);
      const anchor = document.createElement("a");
      anchor.href = address;
      anchor.download = `${of.key}.html`;
      anchor.click();
      setTimeout(() => URL.revokeObjectURL(address), 60_000);
    } catch (error) {
      say(reason(error as Error), true);
    } finally {
      setBusy(false);
    }
  }
  const notYet = report.error instanceof TriageError && report.error.status === 409;
  const p = of.sample_ratio_p ?? null;
  return (
    <article class="experiment">
      <header>
        <h1>{of.title}</h1>
        <p>{of.question}</p>
      </header>
      <section class="card">
        <p class="experiment-line">
          <Verdict of={of} />
          <span class="faint">{e.states[of.state ?? "waiting"]}</span>
        </p>
        {Object.entries(of.verdicts ?? {}).map(([arm, verdict]) => (
          <div key={arm}>
            <h2>{e.against(arm, of.control)}</h2>
            {Object.keys(of.verdicts ?? {}).length > 1 && (
              <b class={`decision ${KINDS[verdict.decision]}`}>{e.decisions[verdict.decision]}</b>
            )}
            {verdict.days_left != null && <p class="faint">{e.daysLeft(Math.ceil(verdict.days_left))}</p>}
            <Lines of={verdict.reasons} />
          </div>
        ))}
        {!of.verdicts && of.reason && <p>{of.reason}</p>}
        {of.error && (
          <p class="warning">
            {e.failed}: {of.error}
          </p>
        )}
        <Pairs>
          {of.started_at != null && (
            <Pair label={e.since}>
              <Moment ms={of.started_at} />
            </Pair>
          )}
          {of.computed_at != null && (
            <Pair label={e.computed}>
              <Moment ms={of.computed_at} seconds />
            </Pair>
          )}
          {p !== null && (
            <Pair label={e.ratio}>
              <span class={p < 0.001 ? "bad-text" : ""}>{p < 0.001 ? e.ratioWrong : e.ratioRight}</span>{" "}
              <span class="faint">p = {written(p, language)}</span>
            </Pair>
          )}
          {of.state !== "waiting" && <Pair label={e.several}>{count(of.several ?? 0, language)}</Pair>}
        </Pairs>
        <Persons of={of} />
        {of.computed_at != null && (
          <p>
            <button type="button" class="second" disabled={busy} onClick={() => void save()}>
              <Icon name="download" />
              {e.download}
            </button>
          </p>
        )}
        <Said said={said} wrong={wrong} />
      </section>
      <Effects of={of} />
      {notYet ? <Empty>{e.notYet}</Empty> : report.error && <Failure error={report.error} onRetry={report.reload} />}
      {report.value && <DayByDay report={report.value} />}
    </article>
  );
}

function Effects({ of }: { of: ExperimentStanding }) {
  const t = useTexts();
  const e = t.experiments;
  const { language } = useStore(session);
  const effects = of.effects ?? [];
  if (effects.length === 0) return null;
  const arms = [...new Set(effects.map((one) => one.arm))];
  return (
    <section class="card">
      <h2>{e.effects}</h2>
      <p class="faint">{of.final ? e.fixed : e.lookDaily}</p>
      {arms.map((arm) => (
        <div key={arm} class="table-wrap" tabIndex={0} role="region" aria-label={e.against(arm, of.control)}>
          <table class="table effects">
            <caption>{e.against(arm, of.control)}</caption>
            <thead>
              <tr>
                <th scope="col">{e.columns.metric}</th>
                <th scope="col" class="number">{e.columns.effect}</th>
                <th scope="col">{e.columns.interval}</th>
                <th scope="col" class="number">{e.columns.p}</th>
              </tr>
            </thead>
            {ROLES.map((role) => {
              const rows = effects.filter((one) => one.arm === arm && one.role === role);
              return rows.length === 0 ? null : (
                <tbody key={role}>
                  <tr class="role">
                    <th scope="rowgroup" colSpan={4}>
                      {e.roles[role]}
                    </th>
                  </tr>
                  {rows.map((one) => (
                    <Effect key={one.metric} of={one} language={language} />
                  ))}
                </tbody>
              );
            })}
          </table>
        </div>
      ))}
    </section>
  );
}

function Effect({ of, language }: { of: EffectFigures; language: string }) {
  const t = useTexts();
  const e = t.experiments;
  const limit = of.limit ?? null;
  const interval: Interval = {
    value: of.value ?? null,
    low: of.low ?? null,
    high: of.high ?? null,
    limits: limit === null ? [] : of.role === "primary" ? [limit, -limit] : [limit],
    better: of.better,
  };
  const amount = (value: number | null) => (value === null ? "∞" : inUnit(value, of.unit, language));
  const side = sideOf(interval);
  const range = `${amount(interval.low)} … ${amount(interval.high)}`;
  return (
    <tr>
      <th scope="row">
        <span class="metric">{of.label}</span>
        {limit !== null && (
          <small class="source">
            {of.role === "guardrail" ? e.margin : e.matters}: {inUnit(limit, of.unit, language)}
          </small>
        )}
        {of.broken && <small class="source bad-text">{e.broken}</small>}
      </th>
      {interval.value === null ? (
        <td colSpan={3} class="faint">
          {of.reason ?? "–"}
        </td>
      ) : (
        <>
          <td class={`number ${side}-text`}>
            {amount(interval.value)}
            {side !== "open" && <small class="source">{side === "good" ? e.better : e.worse}</small>}
          </td>
          <td class="picture">
            <IntervalPicture of={interval} label={`${of.label}: ${range}`} />
            <small class="source">{range}</small>
          </td>
          <td class="number">{of.p_value == null ? "–" : written(of.p_value, language)}</td>
        </>
      )}
    </tr>
  );
}

function DayByDay({ report }: { report: ExperimentReport }) {
  const t = useTexts();
  const e = t.experiments;
  const { language } = useStore(session);
  const shown = report.findings.filter((one) => (one.by_day?.length ?? 0) > 1);
  if (shown.length === 0) return null;
  return (
    <section class="card">
      <h2>{e.days}</h2>
      <p class="faint">{e.daysLead}</p>
      {shown.map((one) => {
        const points = (one.by_day ?? []).map((point) => ({
          day: point.day,
          value: point.effect.type === "effect" ? point.effect.estimate : null,
          low: point.effect.type === "effect" ? point.effect.low : null,
          high: point.effect.type === "effect" ? point.effect.high : null,
        }));
        const matters = one.metric.smallest_effect ?? null;
        const amount = (value: number) => inUnit(value, one.metric.unit, language);
        return (
          <figure key={`${one.arm} ${one.metric.name}`}>
            <figcaption>
              {one.metric.label} · {e.against(one.arm, report.declaration.control)}
            </figcaption>
            <Days
              points={points}
              limits={matters === null ? [] : [matters, -matters]}
              label={`${e.days}: ${one.metric.label}`}
              written={amount}
            />
            <details class="fold">
              <summary>{e.table}</summary>
              <table class="table">
                <thead>
                  <tr>
                    <th scope="col">{e.day}</th>
                    <th scope="col" class="number">{e.columns.effect}</th>
                    <th scope="col" class="number">{e.columns.interval}</th>
                  </tr>
                </thead>
                <tbody>
                  {points.map((point) => (
                    <tr key={point.day}>
                      <th scope="row">{point.day}</th>
                      <td class="number">{point.value === null ? "–" : amount(point.value)}</td>
                      <td class="number">
                        {point.value === null ? "–" : `${point.low === null ? "∞" : amount(point.low)} … ${point.high === null ? "∞" : amount(point.high)}`}
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </details>
          </figure>
        );
      })}
    </section>
  );
}

/** A p as people read it: not more digits than mean something. */
function written(p: number, language: string): string {
  if (p < 0.001) return p === 0 ? "< 1e-308" : p < 1e-6 ? p.toExponential(0) : `< ${(0.001).toLocaleString(language)}`;
  return p.toLocaleString(language, { minimumFractionDigits: 3, maximumFractionDigits: 3 });
}

/** A difference in the unit of its metric, with its sign. */
function inUnit(value: number, unit: EffectFigures["unit"], language: string): string {
  const signed: Intl.NumberFormatOptions = { signDisplay: "exceptZero" };
  switch (unit) {
    case "share":
      return `${(value * 100).toLocaleString(language, { ...signed, maximumFractionDigits: 1 })} pp`;
    case "seconds":
      return `${value.toLocaleString(language, { ...signed, maximumFractionDigits: 1 })} s`;
    case "usd":
      return value.toLocaleString(language, { ...signed, style: "currency", currency: "USD", maximumFractionDigits: 4 });
    case "points":
    case "score":
      return value.toLocaleString(language, { ...signed, maximumFractionDigits: 2 });
  }
}
