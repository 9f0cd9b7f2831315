/**
 * One socket that stays: connects, listens for silence, and comes back with growing pauses.
 *
 * Statuses: {state: "idle" | "connecting" | "live" | "reconnecting" | "offline" | "polling", text,
 * tries}. "idle" is told while nothing asked for a connection: the page follows no channel.
 * "polling" is told when no connection ever worked (a proxy in the way): the page may then poll,
 * while the socket goes on trying.
 */

export const PROTOCOL = "pulse.v1";
const FIRST_PAUSE = 250;
const LONGEST_PAUSE = 15000;
const SILENCE = 25000;
const HOPELESS = 3; // tries without any success before the page is told to poll

export class LiveSocket {
  constructor(
    url,
    {
      onOpen,
      onMessage,
      onClose,
      onStatus,
      make = (address) => new WebSocket(address, PROTOCOL),
      silence = SILENCE,
      random = Math.random,
    },
  ) {
    Object.assign(this, { url, onOpen, onMessage, onClose, onStatus, make, silence, random });
    this.socket = null;
    this.open = false;
    this.everOpen = false;
    this.tries = 0;
    this.timer = null;
    this.watch = null;
    this.stopped = true;
    this.soon = this.soon.bind(this);
    this.offline = this.offline.bind(this);
  }

  start() {
    if (!this.stopped) return;
    this.stopped = false;
    window.addEventListener("online", this.soon);
    window.addEventListener("offline", this.offline);
    window.addEventListener("pageshow", this.soon);
    document.addEventListener("visibilitychange", this.soon);
    this.connect();
  }

  stop() {
    this.stopped = true;
    window.removeEventListener("online", this.soon);
    window.removeEventListener("offline", this.offline);
    window.removeEventListener("pageshow", this.soon);
    document.removeEventListener("visibilitychange", this.soon);
    this.#drop();
  }

  send(message) {
    if (this.open) this.socket.send(JSON.stringify(message));
  }

  /** Try now instead of waiting: the network or the reader is back. */
  soon() {
    if (this.stopped || document.hidden || this.socket) return;
    this.connect();
  }

  offline() {
    this.#drop();
    this.#say();
  }

  connect() {
    clearTimeout(this.timer);
    this.timer = null;
    if (this.stopped || this.socket) return;
    if (navigator.onLine === false) {
      this.#say();
      return;
    }
    this.#say();
    const socket = this.make(this.url);
    this.socket = socket;
    this.#listen();
    socket.onmessage = (event) => socket === this.socket && this.#message(event.data);
    socket.onclose = () => socket === this.socket && this.#lost();
  }

  #message(text) {
    this.#listen();
    const message = JSON.parse(text);
    if (message.t === "hello") {
      this.open = this.everOpen = true;
      this.tries = 0;
      this.#say();
      this.onOpen(message);
    } else if (message.t === "bye") {
      this.#lost(message.retry * 1000);
    } else {
      this.onMessage(message);
    }
  }

  /** (Re)start the clock of silence: a half-open connection says nothing, for ever. */
  #listen() {
    clearTimeout(this.watch);
    this.watch = setTimeout(() => this.#lost(), this.silence);
  }

  #lost(pause = null) {
    this.#drop();
    if (this.stopped) return;
    const grown = Math.min(FIRST_PAUSE * 2 ** this.tries, LONGEST_PAUSE);
    this.tries += 1;
    this.#say();
    this.timer = setTimeout(() => this.connect(), (pause ?? grown) * (0.5 + this.random()));
  }

  #drop() {
    clearTimeout(this.timer);
    clearTimeout(this.watch);
    const { socket } = this;
    this.socket = null;
    this.open = false;
    if (!socket) return;
    socket.onmessage = socket.onclose = null;
    socket.close();
    this.onClose();
  }

  #say() {
    this.onStatus(this.status());
  }

  status() {
    const { tries } = this;
    if (this.stopped) return { state: "idle", text: "", tries };
    if (this.open) return { state: "live", text: "Live", tries };
    if (navigator.onLine === false) return { state: "offline", text: "Offline", tries };
    if (!this.everOpen && tries >= HOPELESS) return { state: "polling", text: "Polling", tries };
    if (tries === 0) return { state: "connecting", text: "Connecting", tries };
    return { state: "reconnecting", text: `Reconnecting, try ${tries}`, tries };
  }
}
