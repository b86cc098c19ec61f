/** The frame around every view: where one can go, what waits there, and who one is. */

import { useEffect, useMemo, useRef } from "preact/hooks";

import { TriageError } from "../client/src/errors.ts";
import type { Figures, PlaybookList, ReviewQueue } from "../client/src/schema.ts";
import { Icon } from "../common/icons.tsx";
import { useStore } from "../common/store.ts";
import { read } from "./api.ts";
import { Failure, Loading, Names } from "./bits.tsx";
import { CasesView } from "./cases.tsx";
import { ExperimentsView } from "./experiments.tsx";
import { FlagsView } from "./flags.tsx";
import { HandoffsView } from "./handoffs.tsx";
import { JobsView } from "./jobs.tsx";
import { KnownContext } from "./known.ts";
import { Languages } from "./languages.tsx";
import { useLoaded } from "./loading.ts";
import { ReviewsView } from "./reviews.tsx";
import { type Route, type View, VIEWS, link, useRoute } from "./route.ts";
import { session, signOut } from "./session.ts";
import { SpendView } from "./spend.tsx";
import { useTexts } from "./texts.ts";

/** Line icons on a grid of 24, like the common ones. */
const GLYPHS: Record<View, string> = {
  cases: "M5 6.5h14M5 12h14M5 17.5h9",
  reviews: "M9 4.5h6v3H9zM15 6h3v14H6V6h3m0 7.5 2.2 2.2 4-4.2",
  handoffs: "M16 8a4 4 0 1 1-8 0 4 4 0 0 1 8 0ZM4.5 20.5a7.5 7.5 0 0 1 15 0",
  jobs: "M12 8.5V12l2.5 1.5M12 3v2.5M12 18.5V21M3 12h2.5m13 0H21M5.6 5.6l1.8 1.8m9.2 9.2 1.8 1.8m0-12.8-1.8 1.8m-9.2 9.2-1.8 1.8",
  spend: "M12 3v18M16 7.5c-.8-1.2-2.2-1.8-4-1.8-2.4 0-4 1.1-4 3 0 4.3 8.4 2 8.4 6.4 0 2-1.8 3.2-4.4 3.2-2 0-3.6-.7-4.4-2",
  experiments: "M10 3.5v6L4.8 18a1.7 1.7 0 0 0 1.5 2.5h11.4a1.7 1.7 0 0 0 1.5-2.5L14 9.5v-6M8.5 3.5h7M7.5 14.5h9",
  flags: "M5 21V4h12l-2.5 4L17 12H5",
};
const BADGES_MS = 5_000;

export function Shell() {
  const t = useTexts();
  const { name, language } = useStore(session);
  const route = useRoute();
  const playbooks = useLoaded((signal) => read<PlaybookList>("/operator/playbooks", {}, signal), "playbooks");
  const figures = useLoaded((signal) => read<Figures>("/operator/figures", {}, signal), "figures", BADGES_MS);
  const reviews = useLoaded(
    (signal) => read<ReviewQueue>("/operator/reviews", { needs: "settling", limit: 1 }, signal),
    "reviews",
    BADGES_MS,
  );
  const known = useMemo(
    () => ({
      playbooks: playbooks.value?.playbooks ?? [],
      names: new Names(playbooks.value?.playbooks ?? [], language),
    }),
    [playbooks.value, language],
  );
  const badges: Partial<Record<View, number>> = {
    handoffs: figures.value?.handoffs ?? 0,
    jobs: figures.value?.dead["job"] ?? 0,
    reviews: reviews.value?.waiting.settling ?? 0,
  };
  // Whoever may not read the playbooks sees codes in place of names.
  const barred = playbooks.error instanceof TriageError && playbooks.error.status === 403;
  const main = useRef<HTMLElement>(null);
  const first = useRef(true);
  useEffect(() => {
    // Whoever goes elsewhere with a keyboard or a screen reader begins at the top of the new view.
    if (first.current) first.current = false;
    else main.current?.focus();
  }, [route.view]);

  return (
    <KnownContext.Provider value={known}>
      <a
        class="skip"
        href="#content"
        onClick={(event) => {
          event.preventDefault();
          main.current?.focus();
        }}
      >
        {t.skip}
      </a>
      <div class="shell">
        <header class="side">
          <div class="brand">
            <img src="operators/icon.svg" alt="" width="30" height="30" />
            <p>
              <strong>{t.title}</strong>
              <span>{t.subtitle}</span>
            </p>
          </div>
          <nav aria-label={t.navigation}>
            <ul>
              {VIEWS.map((view) => (
                <li key={view}>
                  <a href={link(view)} aria-current={route.view === view ? "page" : undefined}>
                    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
                      <path d={GLYPHS[view]} />
                    </svg>
                    <span>{t.views[view]}</span>
                    {badges[view] ? <b class="badge">{badges[view]}</b> : null}
                  </a>
                </li>
              ))}
            </ul>
          </nav>
          <div class="who">
            <p>
              <Icon name="person" />
              <span>{name}</span>
            </p>
            <Languages />
            <button type="button" class="quiet" onClick={() => signOut()}>
              {t.signOut}
            </button>
          </div>
        </header>
        <main id="content" tabIndex={-1} ref={main}>
          {playbooks.value || barred ? (
            <Current route={route} />
          ) : playbooks.error ? (
            <Failure error={playbooks.error} onRetry={playbooks.reload} />
          ) : (
            <Loading />
          )}
        </main>
      </div>
    </KnownContext.Provider>
  );
}

function Current({ route }: { route: Route }) {
  switch (route.view) {
    case "cases":
      return <CasesView route={route} />;
    case "reviews":
      return <ReviewsView route={route} />;
    case "handoffs":
      return <HandoffsView route={route} />;
    case "jobs":
      return <JobsView route={route} />;
    case "spend":
      return <SpendView />;
    case "experiments":
      return <ExperimentsView route={route} />;
    case "flags":
      return <FlagsView />;
  }
}
