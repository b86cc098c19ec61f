/** The choice between the page's languages. */

import { useStore } from "../common/store.ts";
import { session, speak } from "./session.ts";
import { useTexts } from "./texts.ts";

export function Languages() {
  const t = useTexts();
  const { language } = useStore(session);
  return (
    <div class="languages" role="group" aria-label={t.language}>
      {(["pt-BR", "en"] as const).map((one) => (
        <button
          key={one}
          type="button"
          lang={one}
          aria-pressed={language === one}
          aria-label={one === "en" ? "EN, English" : "PT, Português"}
          onClick={() => speak(one)}
        >
          {one === "en" ? "EN" : "PT"}
        </button>
      ))}
    </div>
  );
}
