/**
 * What the page knows of each channel, and who wants to hear of it. Effects of `channel.js` are
 * gathered and handed to the readers once per animation frame; a hidden tab only gathers.
 *
 * A reader is {since, epoch, onEvent, onSnapshot, onStatus}; its own position keeps it from
 * hearing of one event twice when another reader of the channel makes the socket go back.
 */

const KEEP_KEYS = 5000; // newest keys kept per channel for readers that come later
const KEEP_PENDING = 10000; // more than this while hidden: one snapshot instead

export class Store {
  constructor({
    raf = (run) => requestAnimationFrame(run),
    hidden = () => document.hidden,
    onRestored = () => {},
    onOverflow = () => {},
  } = {}) {
    this.entries = new Map();
    this.raf = raf;
    this.hidden = hidden;
    this.onRestored = onRestored;
    this.onOverflow = onOverflow;
    this.scheduled = false;
  }

  entry(name) {
    let entry = this.entries.get(name);
    if (!entry) {
      entry = {
        name,
        readers: new Set(),
        state: new Map(),
        complete: false, // `state` is all there is, because it began with a snapshot
        position: null,
        pending: [],
        status: { state: "waiting" },
      };
      this.entries.set(name, entry);
    }
    return entry;
  }

  remove(name) {
    this.entries.delete(name);
  }

  /** The newest known data of `key`, or of the only key when none is named. */
  peek(name, key) {
    const state = this.entries.get(name)?.state;
    if (!state) return undefined;
    return key === undefined ? state.values().next().value : state.get(key);
  }

  /** Take the effects of one message; the readers hear of them in the next frame. */
  take(name, effects) {
    const entry = this.entry(name);
    for (const effect of effects) {
      if (effect.kind === "resync") continue;
      if (effect.kind === "event") this.#remember(entry, effect.event);
      if (effect.kind === "snapshot") this.#replace(entry, effect.snapshot);
      entry.pending.push(effect);
    }
    if (entry.pending.length > KEEP_PENDING) {
      entry.pending = [];
      entry.complete = false;
      this.onOverflow(name);
    }
    this.schedule();
  }

  /** Tell the readers of a channel how it stands. */
  status(name, status) {
    const entry = this.entries.get(name);
    if (!entry || JSON.stringify(entry.status) === JSON.stringify(status)) return;
    entry.status = status;
    for (const reader of entry.readers) call(reader.onStatus, status);
  }

  /** Give a reader that comes late what is already here. */
  prime(entry, reader) {
    const { epoch, seq, ts } = entry.position;
    const snapshot = { channel: entry.name, epoch, seq, ts, data: Object.fromEntries(entry.state) };
    entry.pending.push({ kind: "snapshot", snapshot, only: reader });
    this.schedule();
  }

  schedule() {
    if (this.scheduled || this.hidden()) return;
    this.scheduled = true;
    this.raf(() => {
      this.scheduled = false;
      this.flush();
    });
  }

  flush() {
    for (const entry of this.entries.values()) {
      const effects = entry.pending;
      entry.pending = [];
      for (const effect of effects) this.#deliver(entry, effect);
    }
  }

  #deliver(entry, effect) {
    if (effect.kind === "restored") {
      this.onRestored({ channel: entry.name, missed: effect.missed, snapshot: effect.snapshot });
      return;
    }
    const what = effect.kind === "event" ? effect.event : effect.snapshot;
    for (const reader of effect.only ? [effect.only] : [...entry.readers]) {
      const event = effect.kind === "event";
      if (event && knows(reader, what)) continue;
      reader.epoch = what.epoch;
      reader.since = what.seq;
      call(event ? reader.onEvent : reader.onSnapshot, what);
    }
  }

  #remember(entry, event) {
    entry.state.delete(event.key);
    if (event.op !== "del") entry.state.set(event.key, event.data);
    if (entry.state.size > KEEP_KEYS) {
      entry.state.delete(entry.state.keys().next().value);
      entry.complete = false;
    }
    entry.position = { epoch: event.epoch, seq: event.seq, ts: event.ts };
  }

  #replace(entry, snapshot) {
    entry.state = new Map(Object.entries(snapshot.data));
    entry.complete = true;
    entry.position = { epoch: snapshot.epoch, seq: snapshot.seq, ts: snapshot.ts };
    // What was gathered before the snapshot is contained in it.
    entry.pending = entry.pending.filter((effect) => effect.kind === "restored");
  }
}

function knows(reader, event) {
  return reader.since !== null && reader.epoch === event.epoch && event.seq <= reader.since;
}

/** One reader's fault must not keep the others from hearing. */
function call(listener, argument) {
  if (!listener) return;
  try {
    listener(argument);
  } catch (fault) {
    console.error(fault);
  }
}
