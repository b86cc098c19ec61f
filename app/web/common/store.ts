/** A value that a view is drawn from: whoever changes it, the view follows. */

import { useEffect, useState } from "preact/hooks";

export class Store<T extends object> {
  private readonly listeners = new Set<() => void>();

  constructor(private value: T) {}

  get now(): T {
    return this.value;
  }

  /** Change some members; nobody is told where nothing changed. */
  set(changes: Partial<T>): void {
    const differs = (Object.keys(changes) as (keyof T)[]).some(
      (key) => !Object.is(this.value[key], changes[key]),
    );
    if (!differs) return;
    this.value = { ...this.value, ...changes };
    for (const listener of [...this.listeners]) listener();
  }

  /** Call back after every change, until the returned function is called. */
  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => {
      this.listeners.delete(listener);
    };
  }
}

/** The store's value; the component is drawn again whenever it changes. */
export function useStore<T extends object>(store: Store<T>): T {
  const [, draw] = useState(store.now);
  useEffect(() => {
    draw(store.now);
    return store.subscribe(() => draw(store.now));
  }, [store]);
  return store.now;
}
