/** Web Push: what of a browser's service worker is needed to be told of a case. */

/** The part of `ServiceWorkerRegistration` that is used. */
export interface PushRegistration {
  pushManager: {
    getSubscription(): Promise<BrowserSubscription | null>;
    subscribe(options: {
      userVisibleOnly: boolean;
      applicationServerKey: Uint8Array<ArrayBuffer>;
    }): Promise<BrowserSubscription>;
  };
}

/** The part of `PushSubscription` that is used. */
export interface BrowserSubscription {
  toJSON(): {
    endpoint?: string;
    expirationTime?: number | null;
    keys?: Record<string, string>;
  };
  readonly options?: { readonly applicationServerKey: ArrayBuffer | null };
  unsubscribe(): Promise<boolean>;
}

/** Return the browser's subscription for a server's key; one for another key is replaced. */
export async function subscription(
  registration: PushRegistration,
  publicKey: string,
): Promise<BrowserSubscription> {
  const applicationServerKey = bytesOf(publicKey);
  const known = await registration.pushManager.getSubscription();
  if (known) {
    const key = known.options?.applicationServerKey;
    if (!key || same(new Uint8Array(key), applicationServerKey)) return known;
    await known.unsubscribe();
  }
  return registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey });
}

/** Read Base64url, which is how servers write their keys. */
function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (one) => one.charCodeAt(0));
}

function same(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}
