/** Drawing the result. Whatever a person or a model wrote only ever becomes text. */

/** Make an element: attributes and handlers by name, children as elements or plain text. */
export function el(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(key, value);
    else if (value != null) made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child != null));
  return made;
}

/** Fill the section with an analysis; `correct(slot, value)` is called when a fact is mended. */
export function drawResult(section, analysis, texts, correct) {
  const { classification: kind, urgency, documents } = analysis;
  const parts = [
    el("p", { class: "eyebrow" }, [texts.result, kind.area].filter(Boolean).join(" · ")),
    el("h2", { id: "result-title", tabindex: "-1" }, kind.subarea ?? kind.area ?? texts.unplaced),
    el(
      "div",
      { class: "urgency", "data-level": urgency.level },
      el("strong", { class: "badge" }, texts.urgency[urgency.level] ?? urgency.level),
      el("p", {}, urgency.reason),
      urgency.deadline && el("p", {}, el("b", {}, `${texts.deadline}: `), urgency.deadline),
      list(texts.now, urgency.immediate_actions),
      analysis.needs_human ? el("p", { class: "human" }, texts.human) : null,
    ),
    part(texts.summary, analysis.summary.plain && el("p", {}, analysis.summary.plain)),
    list(texts.steps, analysis.next_steps, "ol", "steps"),
    list(texts.documents, documents.needed, "ul", "checks"),
    list(texts.mentioned, documents.mentioned, "ul", "checks have"),
    list(texts.warnings, analysis.warnings, "ul", "warnings"),
    part(
      texts.facts,
      analysis.facts.length
        ? el("dl", { class: "facts" }, ...analysis.facts.map((one) => fact(one, texts, correct)))
        : null,
    ),
    el(
      "p",
      { class: "choices" },
      el("button", { type: "button", class: "main", click: () => print() }, texts.print),
    ),
  ];
  section.replaceChildren(...parts.filter(Boolean));
}

function part(title, content, kind = "part") {
  return content ? el("section", { class: kind }, el("h3", {}, title), content) : null;
}

function list(title, items, name = "ul", kind = "plain") {
  const lines = items.map((item) => el("li", {}, item));
  return part(title, lines.length ? el(name, { class: kind }, ...lines) : null, `part ${kind}-part`);
}

function fact(one, texts, correct) {
  const value = el("dd", {}, el("span", {}, readable(one.value)));
  if (one.name !== "statement") {
    const open = el("button", { type: "button", class: "quiet" }, texts.fix);
    open.setAttribute("aria-label", `${texts.fix}: ${one.label}`);
    open.addEventListener("click", () => value.replaceChildren(mend(one, texts, correct)));
    open.addEventListener("click", () => value.querySelector("input").select());
    value.append(open);
  }
  return el("div", {}, el("dt", {}, one.label), value);
}

/** A date as people write it; anything else as it is. */
function readable(value) {
  if (!/^\d{4}-\d\d-\d\d$/.test(value)) return value;
  const { lang } = document.documentElement;
  return new Date(`${value}T12:00`).toLocaleDateString(lang, { dateStyle: "long" });
}

function mend(one, texts, correct) {
  const input = el("input", { "aria-label": `${texts.fixing}: ${one.label}` });
  input.value = one.value;
  const submit = async (event) => {
    event.preventDefault();
    save.disabled = true;
    await correct(one.name, input.value.trim());
    save.disabled = false;
  };
  const save = el("button", { class: "main" }, texts.save);
  return el("form", { class: "mend", submit }, input, save);
}
