/** Background analyses: what they do, which were given up, and who works. */

import { useState } from "preact/hooks";

import type { JobList, JobView, WorkerList } from "../client/src/schema.ts";
import { Dialog } from "../common/dialog.tsx";
import { useStore } from "../common/store.ts";
import { read, send } from "./api.ts";
import { Empty, Failure, Loading, Moment, Said, useReason, useSaid } from "./bits.tsx";
import { More } from "./cases.tsx";
import { useLoaded } from "./loading.ts";
import { usePaged } from "./paged.ts";
import { type Route, link, refine } from "./route.ts";
import { session } from "./session.ts";
import { useTexts } from "./texts.ts";

const STATES = ["queued", "running", "done", "dead", "cancelled", "superseded"] as const;
type State = (typeof STATES)[number];
const RETRIED: ReadonlySet<State> = new Set(["dead", "cancelled"]);
const STOPPED: ReadonlySet<State> = new Set(["queued", "running"]);
const FRESH_MS = 3_000;

export function JobState({ state }: { state: State }) {
  const t = useTexts();
  return <span class={`state job-${state}`}>{t.jobs.states[state]}</span>;
}

export function JobsView({ route }: { route: Route }) {
  const t = useTexts();
  const { language } = useStore(session);
  const reason = useReason();
  const state = STATES.find((one) => one === route.query.get("state"));
  const list = usePaged<JobView>(
    async (cursor, signal) => {
      const page = await read<JobList>("/jobs", { state: state ?? null, limit: 50, cursor }, signal);
      return { rows: page.jobs, cursor: page.cursor };
    },
    (job) => job.job,
    state ?? "all",
    FRESH_MS,
  );
  const workers = useLoaded((signal) => read<WorkerList>("/workers", {}, signal), "workers", FRESH_MS);
  const [stopping, stop] = useState<JobView | null>(null);
  const [busy, setBusy] = useState(false);
  const { said, wrong, say } = useSaid();

  async function act(job: JobView, what: "retry" | "cancel") {
    setBusy(true);
    try {
      await send<JobView>("POST", `/jobs/${job.job}/${what}`);
      say(what === "retry" ? t.jobs.retried : t.jobs.cancelled);
    } catch (error) {
      say(reason(error as Error), true);
    } finally {
      setBusy(false);
      list.reload();
    }
  }
  const c = t.jobs.columns;
  return (
    <section class="view">
      <h1>{t.jobs.title}</h1>
      <Workers workers={workers.value} />
      <div class="chips" role="group" aria-label={t.jobs.filter}>
        <button type="button" aria-pressed={!state} onClick={() => refine("jobs", "", {})}>
          {t.all}
        </button>
        {STATES.map((one) => (
          <button key={one} type="button" aria-pressed={state === one} onClick={() => refine("jobs", "", { state: one })}>
            {t.jobs.states[one]}
          </button>
        ))}
      </div>
      <Said said={said} wrong={wrong} />
      {list.error && <Failure error={list.error} onRetry={list.reload} />}
      {list.loading ? (
        <Loading />
      ) : list.rows.length === 0 ? (
        !list.error && <Empty>{t.jobs.empty}</Empty>
      ) : (
        <div class="table-wrap" tabIndex={0} role="region" aria-label={t.jobs.title}>
          <table class="table">
            <thead>
              <tr>
                <th scope="col">{c.created}</th>
                <th scope="col">{c.case}</th>
                <th scope="col">{c.queue}</th>
                <th scope="col">{c.state}</th>
                <th scope="col" class="number">{c.attempts}</th>
                <th scope="col">{c.steps}</th>
                <th scope="col">{c.error}</th>
                <td />
              </tr>
            </thead>
            <tbody>
              {list.rows.map((job) => (
                <tr key={job.job} data-job={job.job}>
                  <td>
                    <Moment ms={job.created_at} />
                  </td>
                  <th scope="row">
                    <a class="mono" href={link("cases", job.case_id)}>
                      {job.case_id.slice(0, 8)}.{job.turn}
                    </a>
                  </th>
                  <td>{job.queue}</td>
                  <td>
                    <JobState state={job.state} />
                    {job.not_before && job.not_before > Date.now() && (
                      <small class="source">
                        {t.jobs.notBefore(new Date(job.not_before).toLocaleTimeString(language, { timeStyle: "short", hourCycle: "h23" }))}
                      </small>
                    )}
                  </td>
                  <td class="number">{job.attempts}</td>
                  <td class="faint">{job.steps?.join(", ")}</td>
                  <td class="error-text">{job.error}</td>
                  <td class="actions">
                    {RETRIED.has(job.state) && (
                      <button type="button" class="second slim" disabled={busy} onClick={() => void act(job, "retry")}>
                        {t.jobs.retry}
                      </button>
                    )}
                    {STOPPED.has(job.state) && (
                      <button type="button" class="quiet" disabled={busy} onClick={() => stop(job)}>
                        {t.jobs.cancel}
                      </button>
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {list.more && <More going={list.going} short={list.rows.length === 0} next={list.next} />}
      {stopping && (
        <Dialog title={t.jobs.sureCancel} closing={t.close} onClose={() => stop(null)}>
          <p>{t.jobs.sureLead}</p>
          <div class="choices">
            <button type="button" class="second" onClick={() => stop(null)}>
              {t.cancel}
            </button>
            <button
              type="button"
              class="danger"
              onClick={() => {
                void act(stopping, "cancel");
                stop(null);
              }}
            >
              {t.jobs.cancel}
            </button>
          </div>
        </Dialog>
      )}
    </section>
  );
}

function Workers({ workers }: { workers: WorkerList | null }) {
  const t = useTexts();
  if (!workers) return null;
  if (workers.workers.length === 0) return <p class="warning">{t.jobs.noWorkers}</p>;
  return (
    <details class="fold workers">
      <summary>{`${t.jobs.workers} (${workers.workers.length})`}</summary>
      <ul class="lines">
        {workers.workers.map((one) => (
          <li key={one.name}>
            <span class="mono">{one.name}</span>
            <small class="source">
              {t.jobs.slots}:{" "}
              {Object.entries(one.slots)
                .map(([queue, slots]) => `${queue} ${slots}`)
                .join(", ")}{" "}
              · {t.jobs.seen} <Moment ms={one.seen_at} seconds />
            </small>
          </li>
        ))}
      </ul>
    </details>
  );
}
