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
    readonly options?: {
        readonly applicationServerKey: ArrayBuffer | null;
    };
    unsubscribe(): Promise<boolean>;
}
/** Return the browser's subscription for a server's key; one for another key is replaced. */
export declare function subscription(registration: PushRegistration, publicKey: string): Promise<BrowserSubscription>;
