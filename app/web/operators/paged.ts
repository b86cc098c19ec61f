/** A list that is read page by page, and kept fresh at its top. */

import { useCallback, useEffect, useRef, useState } from "preact/hooks";

interface Page<T> {
  rows: T[];
  cursor: string | null;
}

export interface Paged<T> {
  rows: T[];
  error: Error | null;
  loading: boolean;
  /** There is more below; `going` while it is being read. */
  more: boolean;
  going: boolean;
  next: () => void;
  reload: () => void;
}

/** A page may come back short, or empty, since it looks at so many cases and no more. */
const SHORT_PAGES = 5;

/**
 * Read pages for as long as somebody asks for more. The first page is read again every so often: what
 * is new in it comes to the top, what is known is brought up to date.
 */
export function usePaged<T>(
  read: (cursor: string | null, signal: AbortSignal) => Promise<Page<T>>,
  idOf: (row: T) => string,
  key: string,
  everyMs: number,
): Paged<T> {
  const [state, set] = useState<{ key: string; rows: T[]; cursor: string | null; error: Error | null; ready: boolean }>(
    { key, rows: [], cursor: null, error: null, ready: false },
  );
  const [round, again] = useState(0);
  const [going, setGoing] = useState(false);
  const reader = useRef(read);
  reader.current = read;
  const busy = useRef(false);

  useEffect(() => {
    const aborter = new AbortController();
    busy.current = true;
    reader.current(null, aborter.signal).then(
      (page) => {
        if (aborter.signal.aborted) return;
        busy.current = false;
        set((before) => {
          if (before.key !== key || !before.ready) return { key, ...page, error: null, ready: true };
          const fresh = new Map(page.rows.map((row) => [idOf(row), row]));
          const known = new Set(before.rows.map(idOf));
          const kept = before.rows.map((row) => fresh.get(idOf(row)) ?? row);
          const added = page.rows.filter((row) => !known.has(idOf(row)));
          // What stood on the first page and is not there any more is gone from the list.
          const there = page.cursor === null ? kept.filter((row) => fresh.has(idOf(row))) : kept;
          const cursor = page.cursor === null ? null : before.cursor;
          return { key, rows: [...added, ...there], cursor, error: null, ready: true };
        });
      },
      (error: unknown) => {
        if (aborter.signal.aborted) return;
        busy.current = false;
        set((before) =>
          before.key === key
            ? { ...before, error: error as Error, ready: true }
            : { key, rows: [], cursor: null, error: error as Error, ready: true },
        );
      },
    );
    return () => aborter.abort();
  }, [key, round]);

  const reload = useCallback(() => again((n) => n + 1), []);
  useEffect(() => {
    const timer = setInterval(() => {
      if (document.visibilityState === "visible" && !busy.current) reload();
    }, everyMs);
    return () => clearInterval(timer);
  }, [everyMs, reload]);

  const current = state.key === key;
  const next = useCallback(() => {
    if (going || !current || state.cursor === null) return;
    setGoing(true);
    const aborter = new AbortController();
    void (async () => {
      try {
        let cursor = state.cursor;
        const found: T[] = [];
        for (let tries = 0; tries < SHORT_PAGES && cursor !== null && !found.length; tries += 1) {
          const page = await reader.current(cursor, aborter.signal);
          found.push(...page.rows);
          cursor = page.cursor;
        }
        set((before) => {
          if (before.key !== key) return before;
          const known = new Set(before.rows.map(idOf));
          return { ...before, rows: [...before.rows, ...found.filter((row) => !known.has(idOf(row)))], cursor, error: null };
        });
      } catch (error) {
        set((before) => (before.key === key ? { ...before, error: error as Error } : before));
      } finally {
        setGoing(false);
      }
    })();
  }, [going, current, state.cursor, key]);

  return {
    rows: current ? state.rows : [],
    error: current ? state.error : null,
    loading: !current || !state.ready,
    more: current && state.cursor !== null,
    going,
    next,
    reload,
  };
}
