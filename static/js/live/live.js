/**
 * Live updates for a page: one socket, many channels, nothing missed.
 *
 *   // Import `live` from this file by a relative path, then:
 *
 *   const stop = live.subscribe("signals:free", {
 *     since: 4120, epoch: "b1f",       // from data-seq / data-epoch of the server's HTML; leave
 *                                      // both out to begin with a snapshot
 *     onEvent(event) {},               // {channel, epoch, seq, ts, op: "add"|"upd"|"del", key, data}
 *     onSnapshot(snapshot) {},         // {channel, epoch, seq, ts, data: {key: data, ...}}: replace
 *     onStatus(status) {},             // {state: "waiting"|"live"|"healing"} or
 *                                      // {state: "refused", code: "tier"|"unknown"|..., message, plan}
 *   });
 *   stop();                            // unsubscribe
 *   live.peek("quote:SPY");            // newest data (of the only key, or of a named one)
 *   live.status                        // {state, text, tries}, as in the event below
 *
 * `data` of an event is the whole new state of its key, never a difference. A state channel
 * (quote:SPY) usually has one key, its symbol; a log channel (signals:free) has a key per event.
 * Listeners run in one animation frame per batch; a hidden tab stores and tells when it is shown.
 *
 * Custom events on `document`:
 *   "live:status"    detail {state: "idle"|"connecting"|"live"|"reconnecting"|"offline"|"polling",
 *                            text: "Live"|"Reconnecting, try 3"|"Offline"|"Polling"|..., tries}
 *   "live:restored"  detail {channel, missed, snapshot}: a gap is closed; `missed` events came
 *                    late (`snapshot`: they came as one snapshot)
 *
 * The address is that of the page, or of <meta name="pulse-ws" content="/ws">. No inline script,
 * no framework, no eval: runs under `script-src 'self'; connect-src 'self'`.
 */

import { Channel } from "./channel.js";
import { LiveSocket } from "./socket.js";
import { Store } from "./store.js";

export class Live {
  constructor(url, options = {}) {
    this.channels = new Map();
    this.overflowed = new Set();
    this.nextId = 1;
    this.store = new Store({
      onRestored: (detail) => announce("live:restored", detail),
      onOverflow: (name) => this.#overflow(name),
    });
    this.socket = new LiveSocket(url, {
      onOpen: () => this.#opened(),
      onClose: () => this.#closed(),
      onMessage: (message) => this.#message(message),
      onStatus: (status) => this.#status(status),
      ...options,
    });
    this.status = this.socket.status();
    document.addEventListener("visibilitychange", () => this.#shown());
  }

  subscribe(name, { since = null, epoch = null, onEvent, onSnapshot, onStatus } = {}) {
    const known = since !== null && epoch !== null;
    const reader = {
      since: known ? Number(since) : null,
      epoch: known ? epoch : null,
      onEvent,
      onSnapshot,
      onStatus,
    };
    const entry = this.store.entry(name);
    entry.readers.add(reader);
    if (onStatus) onStatus(entry.status);
    this.#join(name, entry, reader);
    this.socket.start();
    return () => this.#leave(name, entry, reader);
  }

  peek(name, key) {
    return this.store.peek(name, key);
  }

  #join(name, entry, reader) {
    const channel = this.channels.get(name);
    if (!channel) {
      this.channels.set(name, new Channel(name, reader));
      this.#request([name]);
    } else if (reader.since === null) {
      if (entry.complete) this.store.prime(entry, reader);
      else this.#restart(channel);
    } else if (reader.epoch !== channel.epoch || reader.since < channel.seq) {
      // This reader knows less than the channel has passed on: go back to where it stands.
      channel.rewind(reader.since, reader.epoch);
      this.#request([name]);
    }
  }

  #leave(name, entry, reader) {
    entry.readers.delete(reader);
    if (entry.readers.size || this.store.entries.get(name) !== entry) return;
    this.channels.delete(name);
    this.store.remove(name);
    this.socket.send({ t: "unsub", ch: [name] });
  }

  #restart(channel) {
    channel.reset();
    this.#request([channel.name]);
  }

  #request(names) {
    if (!this.socket.open || !names.length) return;
    const ch = names.map((name) => this.channels.get(name).request());
    this.socket.send({ t: "sub", id: this.nextId++, ch });
  }

  #opened() {
    this.#request([...this.channels.keys()]);
  }

  #closed() {
    for (const [name, channel] of this.channels) {
      channel.disconnected();
      this.store.status(name, { state: "waiting" });
    }
  }

  #message(message) {
    if (message.t === "hb") {
      for (const name of this.channels.keys()) this.#receive(name, message);
    } else if (message.t === "err") {
      if (message.ch) this.#refused(message);
    } else if (message.ch) {
      this.#receive(message.ch, message);
    }
  }

  #receive(name, message) {
    const channel = this.channels.get(name);
    if (!channel) return;
    const effects = channel.receive(message);
    if (effects.length) this.store.take(name, effects);
    if (effects.some((effect) => effect.kind === "resync")) this.#request([name]);
    if (channel.seq !== null) {
      this.store.status(name, { state: channel.gapFrom === null ? "live" : "healing" });
    }
  }

  #refused({ ch, code, msg, plan }) {
    if (!this.channels.has(ch)) return;
    // Kept for the readers, but not asked for again before they subscribe anew.
    this.channels.delete(ch);
    const entry = this.store.entry(ch);
    entry.complete = false;
    entry.state.clear();
    this.store.status(ch, { state: "refused", code, message: msg, plan: plan ?? null });
  }

  #overflow(name) {
    this.overflowed.add(name);
  }

  #shown() {
    if (document.hidden) return;
    for (const name of this.overflowed) {
      const channel = this.channels.get(name);
      if (channel) this.#restart(channel);
    }
    this.overflowed.clear();
    this.store.schedule();
  }

  #status(status) {
    this.status = status;
    announce("live:status", status);
  }
}

function announce(name, detail) {
  document.dispatchEvent(new CustomEvent(name, { detail }));
}

function address() {
  const path = document.querySelector('meta[name="pulse-ws"]')?.content ?? "/ws";
  const url = new URL(path, location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}

export const live = new Live(address());
