/** What models cost, and what they may cost. */

import { useState } from "preact/hooks";

import type { BudgetList, BudgetView, CostGroup, CostReport, Figures } from "../client/src/schema.ts";
import { Dialog } from "../common/dialog.tsx";
import { useStore } from "../common/store.ts";
import { read, send } from "./api.ts";
import { Empty, Failure, Loading, Said, count, usd, useReason, useSaid } from "./bits.tsx";
import { Bars, Meter } from "./charts.tsx";
import { useLoaded } from "./loading.ts";
import { session } from "./session.ts";
import { useTexts } from "./texts.ts";

const RANGES = { today: 1, week: 7, month: 30 } as const;
type Range = keyof typeof RANGES;
const BYS = ["model", "operation", "provider", "arm"] as const;
type By = (typeof BYS)[number];
const PERIODS = ["hour", "day", "month"] as const;
const OPERATIONS = ["interview", "complexity", "analysis", "judge", "report"] as const;
const FRESH_MS = 5_000;

export function SpendView() {
  const t = useTexts();
  const s = t.spend;
  const { language } = useStore(session);
  const figures = useLoaded((signal) => read<Figures>("/operator/figures", {}, signal), "figures", FRESH_MS);
  const spent = figures.value?.money?.spent_nano_usd;
  return (
    <section class="view">
      <h1>{s.title}</h1>
      {figures.error && <Failure error={figures.error} onRetry={figures.reload} />}
      <div class="tiles">
        {PERIODS.map((period) => (
          <section key={period} class="card tile">
            <h2>{s[period]}</h2>
            <p class="figure">{spent ? usd(spent[period] ?? 0, language) : "–"}</p>
          </section>
        ))}
      </div>
      <p class="faint">{s.utc}</p>
      <Budgets />
      <Costs />
    </section>
  );
}

function Budgets() {
  const t = useTexts();
  const s = t.spend;
  const reason = useReason();
  const budgets = useLoaded((signal) => read<BudgetList>("/operator/budgets", {}, signal), "budgets", FRESH_MS);
  const [removing, remove] = useState<BudgetView | null>(null);
  const { said, wrong, say } = useSaid();

  async function change(what: () => Promise<unknown>, done: string): Promise<boolean> {
    try {
      await what();
      say(done);
      return true;
    } catch (error) {
      say(reason(error as Error), true);
      return false;
    } finally {
      budgets.reload();
    }
  }
  return (
    <section class="card" aria-labelledby="budgets-title">
      <h2 id="budgets-title">{s.budgets}</h2>
      {budgets.error && <Failure error={budgets.error} onRetry={budgets.reload} />}
      {budgets.loading && <Loading />}
      {budgets.value?.budgets.length === 0 && <Empty>{s.noBudgets}</Empty>}
      <ul class="budgets">
        {budgets.value?.budgets.map((one) => (
          <Budget key={`${one.scope} ${one.period}`} budget={one} onRemove={() => remove(one)} />
        ))}
      </ul>
      <NewBudget
        onSet={(scope, period, limit) =>
          change(
            () => send("PUT", `/operator/budgets/${encodeURIComponent(scope)}/${period}`, { limit_usd: limit }),
            s.saved,
          )
        }
      />
      <Said said={said} wrong={wrong} />
      {removing && (
        <Dialog title={s.sureRemove(scopeName(removing.scope, t.spend.scopes))} closing={t.close} onClose={() => remove(null)}>
          <p>{s.sureLead}</p>
          <div class="choices">
            <button type="button" class="second" onClick={() => remove(null)}>
              {t.cancel}
            </button>
            <button
              type="button"
              class="danger"
              onClick={() => {
                const path = `/operator/budgets/${encodeURIComponent(removing.scope)}/${removing.period}`;
                void change(() => send("DELETE", path), s.removed);
                remove(null);
              }}
            >
              {s.remove}
            </button>
          </div>
        </Dialog>
      )}
    </section>
  );
}

function scopeName(scope: string, names: { global: string; operation: string; arm: string }): string {
  const [kind = "", ...rest] = scope.split(":");
  if (kind === "global") return names.global;
  return `${kind === "operation" ? names.operation : names.arm}: ${rest.join(":")}`;
}

function Budget({ budget, onRemove }: { budget: BudgetView; onRemove: () => void }) {
  const t = useTexts();
  const s = t.spend;
  const { language } = useStore(session);
  const limit = budget.limit_nano_usd;
  const spent = limit ? budget.spent_nano_usd / limit : 1;
  const reserved = limit ? budget.reserved_nano_usd / limit : 0;
  const words = s.of(usd(budget.spent_nano_usd, language), usd(limit, language));
  const ends = new Date(budget.ends_at).toLocaleString(language, { day: "2-digit", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  return (
    <li>
      <p class="budget-head">
        <strong>{scopeName(budget.scope, s.scopes)}</strong>
        <span>{s.periods[budget.period]}</span>
        <b>{words}</b>
      </p>
      <Meter
        parts={[
          { share: spent, kind: spent >= 0.9 ? "full" : spent >= 0.7 ? "high" : "fill" },
          { share: reserved, kind: "reserved" },
        ]}
        label={words}
      />
      <p class="budget-foot faint">
        <span>{s.left(usd(Math.max(0, budget.left_nano_usd), language))}</span>
        {budget.reserved_nano_usd > 0 && <span>{s.reserved(usd(budget.reserved_nano_usd, language))}</span>}
        <span>{s.until(ends)}</span>
        <button type="button" class="quiet" aria-label={`${s.remove}: ${budget.scope} ${budget.period}`} onClick={onRemove}>
          {s.remove}
        </button>
      </p>
    </li>
  );
}

function NewBudget({ onSet }: { onSet: (scope: string, period: string, limit: string) => Promise<boolean> }) {
  const t = useTexts();
  const s = t.spend;
  const [scope, setScope] = useState("global");
  const [arm, setArm] = useState("");
  const [period, setPeriod] = useState<string>("day");
  const [limit, setLimit] = useState("");
  return (
    <form
      class="budget-form"
      onSubmit={(event) => {
        event.preventDefault();
        const whole = scope === "arm" ? `arm:${arm.trim()}` : scope;
        void onSet(whole, period, limit.trim().replace(",", ".")).then((done) => done && setLimit(""));
      }}
    >
      <label>
        <span>{s.scope}</span>
        <select class="field slim" value={scope} onChange={(event) => setScope(event.currentTarget.value)}>
          <option value="global">{s.scopes.global}</option>
          {OPERATIONS.map((one) => (
            <option key={one} value={`operation:${one}`}>{`${s.scopes.operation}: ${one}`}</option>
          ))}
          <option value="arm">{s.scopes.arm}</option>
        </select>
      </label>
      {scope === "arm" && (
        <label>
          <span>{s.arm}</span>
          <input
            class="field slim"
            required
            pattern="[^:\s]+:[^:\s]+"
            maxLength={190}
            value={arm}
            onInput={(event) => setArm(event.currentTarget.value)}
          />
        </label>
      )}
      <label>
        <span>{s.period}</span>
        <select class="field slim" value={period} onChange={(event) => setPeriod(event.currentTarget.value)}>
          {PERIODS.map((one) => (
            <option key={one} value={one}>
              {s.periods[one]}
            </option>
          ))}
        </select>
      </label>
      <label>
        <span>{s.limit}</span>
        <input
          class="field slim number"
          inputMode="decimal"
          required
          pattern="\s*[0-9]{1,7}([.,][0-9]{1,9})?\s*"
          placeholder={s.limitHint}
          title={s.limitHint}
          value={limit}
          onInput={(event) => setLimit(event.currentTarget.value)}
        />
      </label>
      <button type="submit" class="main slim">
        {s.set}
      </button>
    </form>
  );
}

function Costs() {
  const t = useTexts();
  const s = t.spend;
  const { language } = useStore(session);
  const [range, setRange] = useState<Range>("today");
  const [by, setBy] = useState<By>("model");
  const unit = range === "today" ? "hour" : "day";
  const report = useLoaded(
    (signal) =>
      read<CostReport>("/operator/costs", { from: dayBefore(RANGES[range] - 1), to: dayBefore(0), by: [unit, by] }, signal),
    `${range} ${by}`,
    FRESH_MS * 2,
  );
  const groups = report.value?.groups ?? [];
  const rows = summed(groups, (one) => one.key[by] ?? "");
  const times = new Map(summed(groups, (one) => one.key[unit] ?? "").map((one) => [one.name, one]));
  const bars = slots(range).map((slot) => {
    const cost = times.get(slot.key)?.cost ?? 0;
    return { name: slot.name(language), value: cost, text: `${slot.name(language)}: ${usd(cost, language)}` };
  });
  const total = rows.reduce((sum, one) => sum + one.cost, 0);
  const c = s.columns;
  return (
    <section class="card" aria-labelledby="costs-title">
      <div class="card-head">
        <h2 id="costs-title">{s.chart}</h2>
        <div class="tools">
          <label>
            <span class="unseen">{s.range}</span>
            <select class="field slim" value={range} onChange={(event) => setRange(event.currentTarget.value as Range)}>
              {(Object.keys(RANGES) as Range[]).map((one) => (
                <option key={one} value={one}>
                  {s.ranges[one]}
                </option>
              ))}
            </select>
          </label>
          <label>
            <span class="unseen">{s.by}</span>
            <select class="field slim" value={by} onChange={(event) => setBy(event.currentTarget.value as By)}>
              {BYS.map((one) => (
                <option key={one} value={one}>
                  {s.bys[one]}
                </option>
              ))}
            </select>
          </label>
        </div>
      </div>
      {report.error && <Failure error={report.error} onRetry={report.reload} />}
      {report.loading ? (
        <Loading />
      ) : rows.length === 0 ? (
        !report.error && <Empty>{s.empty}</Empty>
      ) : (
        <>
          <Bars bars={bars} label={`${s.chart}: ${usd(total, language)}`} written={(value) => usd(value, language)} />
          <div class="table-wrap" tabIndex={0} role="region" aria-label={s.bys[by]}>
            <table class="table">
              <thead>
                <tr>
                  <th scope="col">{s.bys[by]}</th>
                  <th scope="col" class="number">{c.calls}</th>
                  <th scope="col" class="number">{c.completed}</th>
                  <th scope="col" class="number">{c.tokens}</th>
                  <th scope="col" class="number">{c.saved}</th>
                  <th scope="col" class="number">{c.cost}</th>
                </tr>
              </thead>
              <tbody>
                {rows.map((row) => (
                  <tr key={row.name}>
                    <th scope="row">{row.name || "–"}</th>
                    <td class="number">{count(row.calls, language)}</td>
                    <td class="number">{count(row.completed, language)}</td>
                    <td class="number">
                      {count(row.input, language)} / {count(row.output, language)}
                    </td>
                    <td class="number">{usd(row.saved, language)}</td>
                    <td class="number">
                      {usd(row.cost, language)}
                      {row.unpriced > 0 && <small class="source">{s.unpriced(row.unpriced)}</small>}
                    </td>
                  </tr>
                ))}
              </tbody>
              <tfoot>
                <tr>
                  <th scope="row" colSpan={5}>
                    {s.total}
                  </th>
                  <td class="number">{usd(total, language)}</td>
                </tr>
              </tfoot>
            </table>
          </div>
        </>
      )}
    </section>
  );
}

interface Sum {
  name: string;
  calls: number;
  completed: number;
  input: number;
  output: number;
  saved: number;
  cost: number;
  unpriced: number;
}

function summed(groups: CostGroup[], nameOf: (group: CostGroup) => string): Sum[] {
  const sums = new Map<string, Sum>();
  for (const one of groups) {
    const name = nameOf(one);
    const sum = sums.get(name) ?? { name, calls: 0, completed: 0, input: 0, output: 0, saved: 0, cost: 0, unpriced: 0 };
    sum.calls += one.calls;
    sum.completed += one.completed;
    sum.input += one.input_tokens;
    sum.output += one.output_tokens;
    sum.saved += Math.round(Number(one.saved_usd) * 1e9);
    sum.cost += one.cost_nano_usd;
    sum.unpriced += one.unpriced;
    sums.set(name, sum);
  }
  return [...sums.values()].sort((a, b) => b.cost - a.cost || a.name.localeCompare(b.name));
}

function dayBefore(days: number): string {
  return new Date(Date.now() - days * 86_400_000).toISOString().slice(0, 10);
}

/** The hours of today, or the days of a range, as the ledger names them; UTC. */
function slots(range: Range): { key: string; name: (language: string) => string }[] {
  if (range === "today") {
    const day = dayBefore(0);
    return Array.from({ length: 24 }, (_, hour) => {
      const text = String(hour).padStart(2, "0");
      return { key: `${day}T${text}`, name: () => `${text}h` };
    });
  }
  return Array.from({ length: RANGES[range] }, (_, at) => {
    const key = dayBefore(RANGES[range] - 1 - at);
    return {
      key,
      name: (language: string) =>
        new Date(`${key}T00:00:00Z`).toLocaleDateString(language, { day: "2-digit", month: "2-digit", timeZone: "UTC" }),
    };
  });
}
