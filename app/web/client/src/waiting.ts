/** Waiting: between tries, for as long as a server asks, and not for ever. */

const FIRST_MS = 250;
const LONGEST_MS = 8_000;

/** Milliseconds before the next try: anything up to a bound that doubles, so that clients which
 * lost a server together do not come back together ("full jitter"). */
export function backoff(tries: number): number {
  return Math.random() * Math.min(LONGEST_MS, FIRST_MS * 2 ** tries);
}

/** What a browser says of its network; true elsewhere. */
export function isOnline(): boolean {
  return globalThis.navigator?.onLine !== false;
}

/** Wait, but no longer than until a browser says that its network is back, or `woken` fires.
 *
 * Throws the signal's reason when that fires.
 */
export function pause(ms: number, signal?: AbortSignal, woken?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const page = browser();
    const end = () => {
      clearTimeout(timer);
      page?.removeEventListener("online", wake);
      signal?.removeEventListener("abort", stop);
      woken?.removeEventListener("abort", wake);
    };
    const wake = () => {
      end();
      resolve();
    };
    const stop = () => {
      end();
      reject(signal?.reason);
    };
    const timer = setTimeout(wake, ms);
    page?.addEventListener("online", wake);
    signal?.addEventListener("abort", stop);
    woken?.addEventListener("abort", wake);
    if (signal?.aborted) stop();
    else if (woken?.aborted) wake();
  });
}

/** What tells of a network that comes and goes; null where there is no browser. */
function browser(): typeof globalThis | null {
  return typeof globalThis.addEventListener === "function" ? globalThis : null;
}

/** A signal that fires with another one, or when nothing was heard for too long. */
export class Patience {
  private readonly controller = new AbortController();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly stop = () => this.controller.abort(this.outer?.reason);
  private readonly cut = () => this.controller.abort(new Error("the network is gone"));

  constructor(private readonly outer?: AbortSignal) {
    // A connection that was open when the network went is dead, but would not say so for long.
    browser()?.addEventListener("offline", this.cut);
    if (outer?.aborted) this.stop();
    else outer?.addEventListener("abort", this.stop);
  }

  /** What to give to `fetch`. */
  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** Begin to wait for something. */
  start(ms: number): void {
    this.rest();
    this.timer = setTimeout(() => this.controller.abort(new Silence()), ms);
  }

  /** It came. */
  rest(): void {
    clearTimeout(this.timer);
  }

  /** Let go of everything, a connection that is still open included. */
  end(): void {
    this.rest();
    browser()?.removeEventListener("offline", this.cut);
    this.outer?.removeEventListener("abort", this.stop);
    this.controller.abort(new Silence());
  }
}

/** Nothing was heard for too long. */
export class Silence extends Error {
  override readonly name = "Silence";

  constructor() {
    super("nothing was heard for too long");
  }
}
