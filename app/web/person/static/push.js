// The service worker: it shows that a result is there, and opens the page. It keeps nothing and
// answers no request. What the push says is an id and a kind, never what somebody told.

const READY = {
  "pt-BR": { title: "Seu resultado está pronto", body: "Toque para abrir." },
  en: { title: "Your result is ready", body: "Tap to open it." },
};
const NEWS = {
  "pt-BR": { title: "Há novidade no seu caso", body: "Toque para abrir." },
  en: { title: "There is news of your case", body: "Tap to open it." },
};

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("push", (event) => {
  const language = new URL(self.location.href).searchParams.get("language") === "en" ? "en" : "pt-BR";
  const { kind = "", case_id: tag = "triage" } = read(event.data);
  const words = (kind === "analysis.completed" ? READY : NEWS)[language];
  const options = { body: words.body, tag, lang: language, icon: "/icon.svg", badge: "/icon.svg" };
  event.waitUntil(self.registration.showNotification(words.title, options));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(open());
});

function read(data) {
  try {
    return data.json() ?? {};
  } catch {
    return {};
  }
}

async function open() {
  const pages = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const page = pages.find((one) => new URL(one.url).pathname === "/");
  return page ? page.focus() : self.clients.openWindow("/");
}
