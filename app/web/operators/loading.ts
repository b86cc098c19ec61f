/** What a view shows comes from a server: it is loading, there, old, or it failed. */

import { useCallback, useEffect, useRef, useState } from "preact/hooks";

export interface Loaded<T> {
  value: T | null;
  error: Error | null;
  /** Nothing was loaded yet, or something else is being loaded. */
  loading: boolean;
  reload: () => void;
}

/**
 * Load a value, anew whenever `key` changes, and every so often while somebody looks. An error does
 * not take away what was there.
 */
export function useLoaded<T>(
  load: (signal: AbortSignal) => Promise<T>,
  key: string,
  everyMs: number | null = null,
): Loaded<T> {
  const [shown, show] = useState<{ key: string; value: T | null; error: Error | null }>({ key, value: null, error: null });
  const [round, again] = useState(0);
  const busy = useRef(false);
  const latest = useRef(load);
  latest.current = load;
  const reload = useCallback(() => again((n) => n + 1), []);
  useEffect(() => {
    const aborter = new AbortController();
    busy.current = true;
    const over = () => {
      if (!aborter.signal.aborted) busy.current = false;
    };
    latest.current(aborter.signal).then(
      (value) => {
        if (!aborter.signal.aborted) show({ key, value, error: null });
      },
      (error: unknown) => {
        if (aborter.signal.aborted) return;
        show((before) => ({ key, value: before.key === key ? before.value : null, error: error as Error }));
      },
    ).finally(over);
    return () => aborter.abort();
  }, [key, round]);
  useEffect(() => {
    if (everyMs === null) return;
    const timer = setInterval(() => {
      if (document.visibilityState === "visible" && !busy.current) reload();
    }, everyMs);
    const seen = () => {
      if (document.visibilityState === "visible") reload();
    };
    document.addEventListener("visibilitychange", seen);
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", seen);
    };
  }, [everyMs, reload]);
  const current = shown.key === key;
  return {
    value: current ? shown.value : null,
    error: current ? shown.error : null,
    loading: !current || (shown.value === null && shown.error === null),
    reload,
  };
}

/** The time, again and again, for what says how long ago something was. */
export function useNow(everyMs = 1_000): number {
  const [now, tick] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => tick(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}
