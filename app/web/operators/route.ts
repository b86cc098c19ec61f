/** Where somebody is: kept in the address behind the #, which is never sent to a server. */

import { useEffect, useState } from "preact/hooks";

export const VIEWS = ["cases", "reviews", "handoffs", "jobs", "spend", "experiments", "flags"] as const;
export type View = (typeof VIEWS)[number];

export interface Route {
  view: View;
  /** The case, job or experiment that is open; empty for none. */
  id: string;
  query: URLSearchParams;
}

export function routeOf(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?");
  const [view = "", id = ""] = path.split("/");
  return {
    view: VIEWS.find((one) => one === view) ?? "cases",
    id: decodeURIComponent(id),
    query: new URLSearchParams(query),
  };
}

export function link(view: View, id = "", query: Record<string, string> = {}): string {
  const kept = Object.entries(query).filter(([, value]) => value !== "");
  const text = new URLSearchParams(kept).toString();
  return `#/${view}${id ? `/${encodeURIComponent(id)}` : ""}${text ? `?${text}` : ""}`;
}

/** Change the filters of a view without a step in the browser's history. */
export function refine(view: View, id: string, query: Record<string, string>): void {
  history.replaceState(null, "", link(view, id, query));
  dispatchEvent(new HashChangeEvent("hashchange"));
}

export function useRoute(): Route {
  const [route, go] = useState(() => routeOf(location.hash));
  useEffect(() => {
    const changed = () => go(routeOf(location.hash));
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return route;
}
