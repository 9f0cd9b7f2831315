/**
 * The order of one channel: what to apply, what to drop, when to ask again. Pure: no socket, no
 * DOM, no clock, so that it can be tested alone.
 *
 * A channel numbers its messages without holes (`seq`) inside a history (`epoch`). `receive` takes
 * one message of the server and returns what follows from it, in order, as a list of effects:
 *
 *   {kind: "event", event: {channel, epoch, seq, ts, op, key, data}}
 *   {kind: "snapshot", snapshot: {channel, epoch, seq, ts, data: {key: data}}}
 *   {kind: "resync", since, epoch}        ask the server again (since is null: for a snapshot)
 *   {kind: "restored", missed, snapshot}  a gap is closed; `missed` events arrived late
 */

export class Channel {
  constructor(name, { since = null, epoch = null } = {}) {
    this.name = name;
    this.seq = since;
    this.epoch = epoch;
    this.asked = false; // a request is under way; its answer decides
    this.target = null; // where the head was when the gap was seen; null: no gap is open
    this.gapFrom = null; // the last number applied before the gap
  }

  /** The `ch` entry of a `sub` message that continues this channel. */
  request() {
    this.asked = true;
    if (this.seq === null || this.epoch === null) return { n: this.name };
    return { n: this.name, epoch: this.epoch, since: this.seq };
  }

  /** The socket is gone: what comes after the next `sub` may be late. */
  disconnected() {
    this.asked = false;
    this.target = null;
    if (this.seq !== null && this.gapFrom === null) this.gapFrom = this.seq;
  }

  /** Go back to `since` of the same history, so that a reader who knows less gets the rest. */
  rewind(since, epoch) {
    this.seq = epoch === this.epoch ? since : null;
    this.target = this.gapFrom = null;
  }

  /** Forget the position: the next request asks for a snapshot. */
  reset() {
    this.seq = this.epoch = this.target = this.gapFrom = null;
  }

  receive(message) {
    if (message.t === "ev") return this.#event(message);
    if (message.t === "snap") return this.#snapshot(message);
    if (message.t === "hb") return this.#head(message.heads[this.name]);
    return [];
  }

  #event(message) {
    if (this.seq === null || message.epoch !== this.epoch) return this.#ask();
    if (message.seq <= this.seq) return [];
    if (message.seq > this.seq + 1) return this.#gap(message.seq);
    this.seq = message.seq;
    const event = {
      channel: this.name,
      epoch: message.epoch,
      seq: message.seq,
      ts: message.ts,
      op: message.op,
      key: message.k,
      data: message.d,
    };
    return [{ kind: "event", event }, ...this.#healed()];
  }

  #snapshot(message) {
    const same = message.epoch === this.epoch;
    if (same && this.seq !== null && message.seq < this.seq && !this.asked) return [];
    const before = this.gapFrom ?? this.seq;
    const wasOpen = this.gapFrom !== null;
    const missed = same && before !== null ? Math.max(0, message.seq - before) : 0;
    this.epoch = message.epoch;
    this.seq = message.seq;
    this.asked = false;
    this.target = this.gapFrom = null;
    const snapshot = {
      channel: this.name,
      epoch: message.epoch,
      seq: message.seq,
      ts: message.ts,
      data: message.d,
    };
    const effects = [{ kind: "snapshot", snapshot }];
    if (wasOpen && (missed > 0 || !same)) effects.push({ kind: "restored", missed, snapshot: true });
    return effects;
  }

  /**
   * A heartbeat says where the channel stands; whatever the socket carried came before it. The
   * server names a channel only after it answered the request for it.
   */
  #head(head) {
    if (head === undefined) return [];
    // A request without a position is always answered by a snapshot: wait for it.
    if (this.seq === null) return this.#ask();
    this.asked = false;
    if (head > this.seq) return this.#gap(head);
    if (this.gapFrom === null) return [];
    this.target = head;
    return this.#healed();
  }

  #gap(target) {
    this.target = Math.max(target, this.target ?? 0);
    if (this.gapFrom === null) this.gapFrom = this.seq;
    return this.#ask();
  }

  #ask() {
    if (this.asked) return [];
    this.asked = true;
    return [{ kind: "resync", since: this.seq, epoch: this.epoch }];
  }

  #healed() {
    if (this.gapFrom === null || this.target === null || this.seq < this.target) return [];
    const missed = this.seq - this.gapFrom;
    this.asked = false;
    this.target = this.gapFrom = null;
    return missed > 0 ? [{ kind: "restored", missed, snapshot: false }] : [];
  }
}
