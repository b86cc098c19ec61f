/** Being told by the browser when the result is there, though the page is closed. */

import type { TriageClient } from "../client/src/index.ts";
import type { Language } from "../common/language.ts";
import type { Telling } from "./state.ts";

const WORKER = "/push.js";

/** How it stands with being told, without asking anybody. */
export async function isPossible(client: TriageClient): Promise<Telling> {
  if (!("serviceWorker" in navigator) || !("PushManager" in window) || !("Notification" in window)) {
    return "impossible";
  }
  try {
    await client.request("GET", "/push/key");
  } catch {
    return "impossible"; // this installation tells no browsers
  }
  return Notification.permission === "denied" ? "blocked" : "possible";
}

/** Ask the person and the browser, and have the server told of the browser. */
export async function beTold(client: TriageClient, caseId: string, language: Language): Promise<Telling> {
  const permission = await Notification.requestPermission();
  if (permission !== "granted") return permission === "denied" ? "blocked" : "possible";
  try {
    await navigator.serviceWorker.register(workerAddress(language) as unknown as string);
    const registration = await navigator.serviceWorker.ready;
    await client.subscribePush(caseId, registration);
    return "on";
  } catch (error) {
    console.info("no notifications:", error);
    return "failed";
  }
}

/** Take the worker off, and with it every subscription of this browser. */
export async function forgetTelling(): Promise<void> {
  if (!("serviceWorker" in navigator)) return;
  for (const registration of await navigator.serviceWorker.getRegistrations()) {
    const subscription = await registration.pushManager?.getSubscription();
    await subscription?.unsubscribe();
    await registration.unregister();
  }
}

interface ScriptPolicy {
  createScriptURL(address: string): object;
}

declare global {
  interface Window {
    trustedTypes?: {
      createPolicy(name: string, rules: { createScriptURL(address: string): string }): ScriptPolicy;
    };
  }
}

let policy: ScriptPolicy | null = null;

/** The worker's address; the language of its one sentence is part of it. Nothing else is let in. */
function workerAddress(language: Language): string | object {
  const address = `${WORKER}?language=${language}`;
  if (!window.trustedTypes) return address;
  policy ??= window.trustedTypes.createPolicy("triage-push", {
    createScriptURL(wanted) {
      if (!/^\/push\.js\?language=[\w-]+$/.test(wanted)) throw new TypeError("not our worker");
      return wanted;
    },
  });
  return policy.createScriptURL(address);
}
