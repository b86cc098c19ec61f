// What the tests of the client share: the package as it is published, and addresses of real servers.

import { createHash } from "node:crypto";
import net from "node:net";

export * from "../../../app/web/client/dist/intelligentTriage.js";

export const STORY = "Water has been dripping from my bathroom ceiling since yesterday.";
export const TERMINAL = new Set(["turn.completed", "turn.cancelled", "turn.failed"]);

/** An address or a number that the tests' starter passes; fails where it is missing. */
export function given(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run these tests by pytest tests/web`);
  return value;
}

/** A store that outlives a client, as a browser's does; `kept` is what is in it. */
export function durableStore() {
  const kept = new Map();
  return {
    kept,
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => void kept.set(key, value),
    removeItem: (key) => void kept.delete(key),
  };
}

/** All events of a turn. */
export async function all(events) {
  const found = [];
  for await (const event of events) found.push(event);
  return found;
}

/** The text as it was put together of words alone, without the whole message at the end. */
export function spoken(events, textAfter) {
  return events.filter((one) => !TERMINAL.has(one.type)).reduce(textAfter, "");
}

export function sha256(text) {
  return createHash("sha256").update(text, "utf8").digest("hex");
}

/** A TCP proxy with faults: cuts connections after some bytes, refuses them, or swallows answers. */
export class FaultProxy {
  connections = 0;
  /** For the coming connections, in order: how many bytes of the answer get through; then it is cut. */
  cuts = [];
  /** Whether new connections are refused. */
  down = false;
  #server;
  #open = new Set();

  constructor(target) {
    this.target = new URL(target);
    this.#server = net.createServer({ allowHalfOpen: true }, (client) => this.#relay(client));
  }

  async start() {
    await new Promise((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    this.url = `http://127.0.0.1:${this.#server.address().port}`;
    return this;
  }

  async stop() {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Break the coming connections after so many bytes of their answers; idle ones are not used again. */
  plan(...cuts) {
    this.cut();
    this.cuts = cuts;
  }

  /** Cut everything that is open. */
  cut() {
    for (const socket of this.#open) socket.destroy();
  }

  #relay(client) {
    this.connections += 1;
    if (this.down) return void client.destroy();
    let left = this.cuts.shift() ?? Infinity;
    const { hostname, port } = this.target;
    const server = net.connect({ host: hostname, port: Number(port) });
    const both = [client, server];
    const end = () => {
      for (const socket of both) {
        this.#open.delete(socket);
        socket.destroy();
      }
    };
    for (const socket of both) {
      this.#open.add(socket);
      socket.on("error", end);
      socket.on("close", end);
      socket.setNoDelay(true);
    }
    client.pipe(server);
    server.on("data", (bytes) => {
      if (bytes.length >= left) {
        client.write(bytes.subarray(0, left), end);
        left = 0;
      } else {
        left -= bytes.length;
        client.write(bytes);
      }
    });
    server.on("end", () => client.end());
  }
}
