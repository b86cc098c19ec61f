/** Where somebody says who they are. */

import { useEffect, useRef, useState } from "preact/hooks";

import { useStore } from "../common/store.ts";
import { isGood } from "./api.ts";
import { Languages } from "./languages.tsx";
import { session, signIn } from "./session.ts";
import { useTexts } from "./texts.ts";

export function SignIn() {
  const t = useTexts();
  const { name: known, ended } = useStore(session);
  const [token, setToken] = useState("");
  const [name, setName] = useState(known);
  const [problem, tell] = useState<"wrong" | "away" | null>(null);
  const [busy, setBusy] = useState(false);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.focus(), []);

  async function submit(event: Event) {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    tell(null);
    try {
      if (await isGood(token.trim())) {
        signIn(token.trim(), name.trim());
        return;
      }
      tell("wrong");
      field.current?.select();
    } catch {
      tell("away");
    } finally {
      setBusy(false);
    }
  }

  return (
    <main class="door">
      <div class="door-head">
        <img src="operators/icon.svg" alt="" width="36" height="36" />
        <Languages />
      </div>
      <form class="card door-card" onSubmit={(event) => void submit(event)}>
        <h1>{t.signIn.title}</h1>
        <p class="lead">{t.signIn.lead}</p>
        <label>
          <span>{t.signIn.token}</span>
          <input
            ref={field}
            class="field"
            type="password"
            autocomplete="off"
            spellcheck={false}
            required
            maxLength={256}
            value={token}
            aria-describedby="token-hint"
            aria-invalid={problem === "wrong"}
            onInput={(event) => setToken(event.currentTarget.value)}
          />
          <small id="token-hint">{t.signIn.tokenHint}</small>
        </label>
        <label>
          <span>{t.signIn.name}</span>
          <input
            class="field"
            type="text"
            autocomplete="nickname"
            required
            maxLength={80}
            pattern=".*\S.*"
            value={name}
            aria-describedby="name-hint"
            onInput={(event) => setName(event.currentTarget.value)}
          />
          <small id="name-hint">{t.signIn.nameHint}</small>
        </label>
        <p class="door-problem" role="alert">
          {problem ? t.signIn[problem] : ended ? t.signIn.ended : ""}
        </p>
        <button type="submit" class="main" disabled={busy}>
          {t.signIn.go}
        </button>
      </form>
    </main>
  );
}
