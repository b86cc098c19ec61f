/** The page for the person: one conversation, its result, and what they can do with both. */

import { drawResult, el } from "./result.js";
import { languageOf, textsOf } from "./texts.js";
import { call, follow, patiently, Problem, TERMINAL } from "./turns.js";

const HUMAN = new Set(["requested", "taken"]);

const at = (id) => document.getElementById(id);
const box = at("message");
const asked = new URLSearchParams(location.search).get("playbook");

let language = languageOf(recall("language") ?? navigator.language);
let texts = textsOf(language);
let saved = recall("case");
let view = null; // the case as the server last told it
let ready = false; // whether the view is of the saved case, so that it can be added to
let running = null; // what is being answered: {turn}, null until it is accepted
let company = null; // {id, stop} of the case that is followed because a human is called or there
let stale = false; // whether a human did something that is not shown yet

/* What this device keeps. A browser that forbids storage still serves the one visit. */

function recall(name) {
  try {
    return JSON.parse(localStorage.getItem(`triage.${name}`));
  } catch {
    return null;
  }
}

function keep(name, value) {
  try {
    if (value === null) localStorage.removeItem(`triage.${name}`);
    else localStorage.setItem(`triage.${name}`, JSON.stringify(value));
  } catch {
    // storage is full or forbidden: nothing outlives this visit
  }
}

function keepCase(changes) {
  saved = changes && { ...saved, ...changes };
  keep("case", saved);
}

/* The case: started, read again after a reload, left behind. */

async function begin() {
  ready = false;
  refresh();
  if (saved && asked && saved.asked !== asked) keepCase(null);
  try {
    if (saved?.pending) await deliver(saved.pending);
    if (!saved) await start();
    view = await read();
    ready = true;
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    if (!saved || ![401, 403, 404, 410].includes(error.status)) return tell(error);
    keepCase(null);
    await begin();
    return say(texts.gone);
  }
  draw();
  keepCompany();
  const busy = await attend();
  if (!busy && view.status === "completed") await showResult();
}

/** Show what is still being answered as it comes; whether there was anything. */
async function attend() {
  const [drawn, open] = [view, view.turns.filter(isOpen)];
  for (const { turn } of open) {
    await listen(turn, null, at("talk").querySelector(`[data-turn="${turn}"]`));
    if (view !== drawn) return true;
  }
  return open.length > 0;
}

async function start() {
  const body = { locale: language, ...(asked && { playbook: asked }) };
  const response = await patiently(() => call("POST", "/start", { body }), trouble);
  const { case_id: id, case_token: token } = await response.json();
  keepCase({ id, token, asked, pending: null });
}

async function read() {
  const get = () => call("GET", `/cases/${saved.id}`, { token: saved.token });
  return (await patiently(get, trouble)).json();
}

/** Hand in a message that an earlier visit could not; the key makes it one turn, not two. */
async function deliver({ key, text }) {
  try {
    const response = await patiently(() => post(key, text), trouble);
    response.body.cancel();
  } catch (error) {
    if (!(error instanceof Problem) || error.status === 404) throw error;
    write(text);
    tell(error);
  }
  keepCase({ pending: null });
}

function post(key, message, signal) {
  const body = { case_id: saved.id, message };
  const accept = "text/event-stream";
  return call("POST", "/continue-stream", { token: saved.token, key, body, signal, accept });
}

async function leave(note) {
  keepCase(null);
  company?.stop();
  company = null;
  at("result").hidden = true;
  running = null;
  await begin();
  if (note) say(note);
  box.focus();
}

/* The conversation. */

function draw() {
  at("talk").replaceChildren();
  at("notice").hidden = !view.notice;
  at("notice").textContent = view.notice ?? "";
  speak("interviewer", view.greeting);
  for (const turn of view.turns) {
    const { kind, message, outcome, operator } = turn;
    if (kind === "say") speak("person", message);
    else if (marks(operator)[kind] && outcome !== "failed") aside(marks(operator)[kind]);
    if (isOpen(turn) || turn.reply) {
      const item = speak(kind === "operator" ? "human-says" : "interviewer", turn.reply ?? "");
      item.dataset.turn = turn.turn;
      if (kind === "operator") item.querySelector(".unseen").replaceWith(el("b", {}, operator));
    }
    if (operator) continue;
    if (outcome === "cancelled") aside(texts.stopped);
    if (outcome === "failed" && !turn.reply) aside(texts.wrong, again(message));
  }
  refresh();
  scroll(true);
}

/** What is written in the middle of the conversation where somebody did something but speak. */
function marks(operator) {
  return {
    correct: texts.corrected,
    conclude: texts.concluded,
    ask_human: texts.called,
    take: texts.joined(operator),
    hand_back: texts.left(operator),
  };
}

function isOpen({ outcome }) {
  return outcome === "running" || outcome === "queued";
}

function speak(who, text) {
  const label = el("span", { class: "unseen" }, `${who === "person" ? texts.you : texts.interviewer} `);
  const item = el("li", { class: who }, label, el("p", {}, text));
  at("talk").append(item);
  return item;
}

function aside(...content) {
  const item = el("li", { class: "aside" }, el("p", {}, ...content));
  at("talk").append(item);
  return item;
}

function again(text) {
  return el("button", { type: "button", class: "quiet", click: () => send(text) }, texts.again);
}

async function send(text) {
  if (!text || running || !ready) return;
  const pending = { key: crypto.randomUUID(), text };
  keepCase({ pending });
  write("");
  const said = speak("person", text);
  said.append(el("small", {}, texts.sending));
  scroll(true);
  await listen(null, (signal) => post(pending.key, text, signal), null, { said, text });
}

/** Show a turn as it is answered, to its end. `posting` is called while it is not accepted yet. */
async function listen(turn, posting, item, { said, text } = {}) {
  const { id, token } = saved;
  const resume = (number, last, signal) =>
    call("GET", `/cases/${id}/turns/${number}/events`, {
      token,
      last,
      signal,
      accept: "text/event-stream",
    });
  const open = (number, last, signal) =>
    number === null ? posting(signal) : resume(number, last, signal);
  const mine = { turn };
  running = mine;
  refresh();
  let ended = null;
  try {
    for await (const event of follow(open, turn, trouble)) {
      if (running !== mine) return;
      if (event.type === "opened") {
        mine.turn = event.turn;
        if (saved.pending) accepted(mine.turn, said, text);
        item ??= speak("interviewer", "");
        refresh();
      }
      show(event, item);
      if (TERMINAL.has(event.type)) ended = event;
    }
  } catch (error) {
    if (running !== mine) return;
    running = null;
    said?.remove();
    if (said && !box.value) write(text);
    keepCase({ pending: null });
    refresh();
    if (error instanceof Problem && error.status === 404) return begin();
    return tell(error);
  }
  if (running !== mine) return;
  running = null;
  trouble(null);
  refresh();
  if (ended === null) return begin(); // it had ended before we came: read what became of it
  const known = view.turns.find((one) => one.turn === ended.turn);
  known.reply = ended.message;
  known.outcome = ended.type.slice("turn.".length);
  if (ended.handoff && ended.handoff !== view.handoff?.status) {
    view.handoff = { ...view.handoff, status: ended.handoff };
    keepCompany();
    refresh();
  }
  if (!ended.message && ended.type === "turn.completed") item.remove();
  await finished(ended, item, known.message);
  if (stale) await joined();
}

function accepted(turn, said, text) {
  keepCase({ pending: null });
  said.querySelector("small").remove();
  view.turns.push({ turn, kind: "say", message: text, reply: "", outcome: "running" });
}

function show(event, item) {
  const place = item?.querySelector("p");
  if (event.type === "delta") place.append(el("span", {}, event.t));
  else if (event.type === "turn.restarted") place.textContent = "";
  else if (event.type === "snapshot") place.textContent = event.text;
  else if (event.type === "turn.completed" || event.type === "turn.cancelled") {
    place.textContent = event.message;
  } else return;
  trouble(null);
  scroll();
}

async function finished(event, item, text) {
  if (event.type === "turn.failed") {
    item.remove();
    aside(`${event.message} `, event.retryable && text ? again(text) : "");
  }
  if (event.type === "turn.cancelled") {
    if (!event.message) item.remove();
    aside(texts.stopped);
  }
  if (event.message || event.type !== "turn.completed") announce(event.message || texts.stopped);
  scroll();
  if (event.interview !== "complete") return;
  view.status = "completed";
  refresh();
  if (event.handoff !== "taken") await showResult(); // a human answers: the result is as it was
}

/* A human in the conversation. */

/** Follow the case while a human is called or there, so that their words appear by themselves. */
async function keepCompany() {
  const { id, token } = saved;
  if (company?.id === id || !HUMAN.has(view.handoff?.status)) return;
  const mine = { id, stop: () => {} };
  company = mine;
  const events = (_, last, signal) => {
    if (company !== mine) throw new Problem(410, "");
    const connection = new AbortController();
    mine.stop = () => connection.abort();
    signal.addEventListener("abort", mine.stop);
    const options = { token, last, signal: connection.signal, accept: "text/event-stream" };
    return call("GET", `/cases/${id}/events`, options);
  };
  try {
    for await (const event of follow(events, 0, () => {})) {
      if (company !== mine) return;
      if (!event.type.startsWith("handoff.") || shownTurns().has(event.turn)) continue;
      stale = true;
      if (!running) await joined();
    }
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
  }
  if (company === mine) company = null;
}

/** The turns that are over and shown. */
function shownTurns() {
  return new Set(view.turns.filter((one) => !isOpen(one)).map(({ turn }) => turn));
}

/** Show what a human did: the conversation is read again, and what is new in it is announced. */
async function joined() {
  stale = false;
  const [{ id }, known] = [saved, shownTurns()];
  const fresh = await read();
  if (saved?.id !== id || running) return;
  view = fresh;
  draw();
  const theirs = ({ kind, operator }) => operator || kind === "need_human";
  const news = view.turns.filter((one) => theirs(one) && !known.has(one.turn));
  for (const { kind, operator, reply } of news.filter(({ outcome }) => outcome === "completed")) {
    const mark = marks(operator)[kind];
    announce(kind === "operator" ? `${operator}: ${reply}` : mark ? `${mark}. ${reply}` : reply);
  }
  if (await attend()) return;
  const back = news.some(({ kind }) => kind === "hand_back");
  if (back && view.status === "completed") await showResult();
}

/* The result. */

async function showResult() {
  const { id, token } = saved;
  say(texts.preparing);
  for (const seconds of [0, 1, 1, 2, 2, ...Array(60).fill(5)]) {
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    if (saved?.id !== id) return;
    try {
      const response = await patiently(() => call("GET", `/result/${id}`, { token }), trouble);
      drawResult(at("result"), await response.json(), texts, correct);
      break;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      if (error.status !== 409) return tell(error);
    }
  }
  say("");
  at("result").hidden = false;
  const title = at("result-title");
  announce(`${texts.result}: ${title.textContent}`);
  title.focus({ preventScroll: true });
  at("result").scrollIntoView({ block: "start" });
}

async function correct(slot, value) {
  await change("/facts", { slot, value });
}

/** Post a change that is a turn without a message, then show where the case stands. */
async function change(path, body) {
  const key = crypto.randomUUID();
  const { token, id } = saved;
  const where = path === "/force-complete" ? path : `/cases/${id}${path}`;
  try {
    await patiently(() => call("POST", where, { token, key, body }), trouble);
    await begin();
  } catch (error) {
    tell(error);
  }
}

/* What the person can do. */

async function stop() {
  const { id, token } = saved;
  const path = `/cases/${id}/turns/${running.turn}/cancel`;
  await patiently(() => call("POST", path, { token }), trouble).catch(tell);
}

async function finish() {
  if (await confirmed("finish")) {
    await change("/force-complete", { case_id: saved.id, reason: "asked by the person" });
  }
}

async function callHuman() {
  if (await confirmed("human")) await change("/handoff", {});
}

async function restart() {
  if (!(await confirmed("restart"))) return;
  write("");
  await leave();
}

async function erase() {
  if (!(await confirmed("erase"))) return;
  const { id, token } = saved;
  try {
    await patiently(() => call("DELETE", `/cases/${id}`, { token }), trouble);
  } catch (error) {
    if (error.status !== 404) return tell(error);
  }
  write("");
  await leave(texts.erased);
}

function confirmed(what) {
  const dialog = at("question");
  at("question-title").textContent = texts[`${what}Title`];
  at("question-text").textContent = texts[`${what}Text`];
  at("yes").textContent = texts[`${what}Yes`];
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

async function speakIn(chosen) {
  language = chosen;
  texts = textsOf(chosen);
  keep("language", chosen);
  label();
  if (running || !ready) return;
  if (view.turns.length === 0 && view.locale !== chosen) return leave();
  draw();
  if (view.status === "completed") await showResult();
}

/* What the page says about itself. */

function trouble(error) {
  if (error === null) return say("");
  say(error instanceof Problem ? texts.busy : navigator.onLine ? texts.reconnecting : texts.offline);
}

function tell(error) {
  say(`${texts.wrong} ${error.message}`, true);
}

function say(text, alarming = false) {
  const banner = at("banner");
  if (banner.textContent !== text) banner.textContent = text;
  banner.hidden = !text;
  banner.classList.toggle("alarm", alarming);
}

function announce(text) {
  at("announcer").append(el("p", {}, text));
}

function label() {
  document.documentElement.lang = language;
  document.title = texts.tab;
  for (const one of document.querySelectorAll("[data-text]")) one.textContent = texts[one.dataset.text];
  for (const one of document.querySelectorAll("[data-label]")) {
    one.setAttribute("aria-label", texts[one.dataset.label]);
  }
  for (const one of document.querySelectorAll(".languages button")) {
    one.setAttribute("aria-pressed", String(one.lang === language));
  }
  refresh();
}

function refresh() {
  const complete = view?.status === "completed";
  at("talk").setAttribute("aria-busy", String(running !== null));
  at("talk").classList.toggle("waiting", running !== null);
  at("stop").hidden = !running?.turn;
  at("send").hidden = !at("stop").hidden;
  at("send").disabled = !ready || running !== null || !box.value.trim();
  const { status, operator } = view?.handoff ?? {};
  at("human").hidden = !ready || running !== null || HUMAN.has(status);
  at("company").hidden = !HUMAN.has(status);
  at("company").textContent = status === "taken" ? texts.answering(operator) : texts.waiting;
  at("finish").hidden = complete || running !== null || !view?.turns.length;
  box.placeholder = complete ? texts.add : texts.write;
}

/** Put words into the box, as if the person had typed them. */
function write(text) {
  box.value = text;
  box.dispatchEvent(new Event("input"));
}

function grow() {
  box.style.height = "auto";
  box.style.height = `${box.scrollHeight}px`;
}

/** Keep the newest words in sight, unless the person is reading further up. */
function scroll(always = false) {
  const { scrollHeight, clientHeight, scrollTop } = document.documentElement;
  if (always || scrollHeight - clientHeight - scrollTop < 160) scrollTo(0, scrollHeight);
}

function submit() {
  send(box.value.trim());
  refresh();
}

at("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  submit();
});
box.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  submit();
});
box.addEventListener("input", () => {
  keep("draft", box.value || null);
  grow();
  refresh();
});
at("stop").addEventListener("click", stop);
at("finish").addEventListener("click", finish);
at("human").addEventListener("click", callHuman);
at("restart").addEventListener("click", restart);
at("erase").addEventListener("click", erase);
at("yes").addEventListener("click", () => at("question").close("yes"));
at("no").addEventListener("click", () => at("question").close());
for (const one of document.querySelectorAll(".languages button")) {
  one.addEventListener("click", () => speakIn(one.lang));
}
addEventListener("offline", () => say(texts.offline));
addEventListener("online", () => say(""));

box.value = recall("draft") ?? "";
label();
grow();
if (!navigator.onLine) say(texts.offline);
await begin();
