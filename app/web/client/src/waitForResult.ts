/** Waiting for a result: woken by the case's events, and looking again by itself. */

import type { TriageClient } from "./client.js";
import { AnalysisFailed } from "./errors.js";
import type { Analysis, StatusView } from "./schema.js";
import { type Reply, retryAfter } from "./transport.js";
import type { Progress, WaitOptions } from "./types.js";
import { pause } from "./waiting.js";

/** Seconds between looks where nobody says otherwise. */
const STEPS = [1, 2, 5];
/** Seconds between looks while the case's events are heard, which say when to look. */
const HEARD_STEP = 30;
const FAILED = new Set(["dead", "cancelled"]);

/** Return a case's result once there is one. */
export async function resultOf(
  client: TriageClient,
  look: (signal?: AbortSignal) => Promise<Reply<StatusView>>,
  caseId: string,
  options: WaitOptions,
): Promise<Analysis> {
  const { signal, onProgress } = options;
  const ended = new AbortController();
  const stop = () => ended.abort(signal?.reason);
  signal?.addEventListener("abort", stop);
  const ear = new Ear(client, caseId, ended.signal, onProgress);
  try {
    for (let tries = 0; ; tries++) {
      signal?.throwIfAborted();
      const woken = ear.next();
      const reply = await look(signal);
      const { job, result_ready: ready } = reply.value;
      const running = job?.state === "queued" || job?.state === "running";
      if (ready && !running) return await client.getResult(caseId, signal ? { signal } : {});
      if (job && FAILED.has(job.state)) throw new AnalysisFailed(job.state);
      onProgress?.(ear.progress(job?.state ?? null));
      const asked = retryAfter(reply.headers) ?? STEPS[Math.min(tries, STEPS.length - 1)] ?? 5;
      await pause((ear.hears ? HEARD_STEP : asked) * 1_000, signal, woken);
    }
  } finally {
    signal?.removeEventListener("abort", stop);
    ended.abort(new Error("over"));
  }
}

/** Listens to a case while somebody waits for its result. */
class Ear {
  /** Whether the stream is open. */
  hears = false;
  private waking = new AbortController();
  private steps: { done: number; of: number } | null = null;

  constructor(
    client: TriageClient,
    caseId: string,
    signal: AbortSignal,
    private readonly onProgress: ((progress: Progress) => void) | undefined,
  ) {
    void this.listen(client, caseId, signal);
  }

  /** A signal that fires when something happens from now on. */
  next(): AbortSignal {
    if (this.waking.signal.aborted) this.waking = new AbortController();
    return this.waking.signal;
  }

  progress(state: Progress["state"]): Progress {
    return { state, ...this.steps };
  }

  private async listen(client: TriageClient, caseId: string, signal: AbortSignal): Promise<void> {
    try {
      for await (const event of client.caseEvents(caseId, { signal })) {
        // The stream tells the case's whole life, so the first event comes with the stream itself.
        this.hears = event.type !== "connection" || event.state === "restored";
        if (event.type === "analysis.progress") {
          this.steps = { done: event.done, of: event.of };
          this.onProgress?.(this.progress("running"));
        } else if (event.type !== "connection" || event.state === "lost") {
          this.waking.abort();
        }
      }
    } catch {
      // Without events there is polling, which meets the same problem and tells of it.
    }
    this.hears = false;
    this.waking.abort();
  }
}
