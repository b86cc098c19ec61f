/** Draws the page and opens the case. */

import { render } from "preact";

import { App } from "./app.tsx";
import "./page.css";
import { Session } from "./session.ts";

const session = new Session();
const place = document.getElementById("page");
if (place) render(<App session={session} />, place);
void session.open();
