/** The page that operators use. */

import { render } from "preact";
import { useEffect } from "preact/hooks";

import "../common/tokens.css";
import "./operators.css";
import { useStore } from "../common/store.ts";
import { session } from "./session.ts";
import { Shell } from "./shell.tsx";
import { SignIn } from "./signin.tsx";
import { useTexts } from "./texts.ts";

function Page() {
  const { token } = useStore(session);
  const t = useTexts();
  useEffect(() => {
    document.title = t.tab;
  }, [t]);
  return token === null ? <SignIn /> : <Shell key={token} />;
}

const root = document.getElementById("app");
if (root) render(<Page />, root);
