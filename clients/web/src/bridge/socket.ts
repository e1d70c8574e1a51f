/**
 * One WebSocket, and another one when it breaks: login, frames in and out, and how the connection stands. Knows calls by number, and not
 * what is in them.
 */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { ClientFrameSchema, ServerFrameSchema, type Welcome } from "../gen/sightline/v1/bridge_pb";
import { type Readable, Store } from "./store";
import { Reader } from "./wire";

/** How the connection stands. */
export type Connection =
  | { readonly status: "connecting" }
  | { readonly status: "open"; readonly since: number; readonly version: string }
  /** It broke, or could not be made; it is tried again at `retryAt`, in milliseconds since 1970. */
  | { readonly status: "waiting"; readonly since: number; readonly retryAt: number; readonly attempts: number }
  /** The token is not accepted: somebody has to log in again. */
  | { readonly status: "refused" }
  /** It was closed on purpose. */
  | { readonly status: "closed" };

/** What a frame brings: the field's number in `ServerFrame`, and its bytes. */
export type FrameHandler = (call: number, field: number, body: Uint8Array) => void;

const PROTOCOL = "sightline.v1.protobuf";
const NOT_LOGGED_IN = 4401; // the bridge's close code
const FIRST_PAUSE = 100; // ms
const MAX_PAUSE = 5_000; // ms
const JITTER = 0.2; // of a pause, so that many tabs do not come back at once
const QUIET_MS = 10_000; // without a frame: the other end is asked for one
const DEAD_MS = 5_000; // after that: it does not answer, the way is cut
const WELCOME = ServerFrameSchema.field.welcome.number;

/** Keeps one socket open. */
export class BridgeSocket {
  readonly #state = new Store<Connection>({ status: "connecting" });
  #ws: WebSocket | undefined;
  #attempts = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #watch: ReturnType<typeof setTimeout> | undefined;
  #heard = 0;
  #asked = 0;

  /**
   * @param url where the socket is, `ws:` or `wss:`.
   * @param token shows who asks; asked for again at each connect.
   * @param onFrame takes each frame but the welcome.
   * @param onLost called when an open socket has gone: nothing that was under way is answered any more.
   */
  constructor(
    private readonly url: string,
    private readonly token: () => string,
    private readonly onFrame: FrameHandler,
    private readonly onLost: () => void,
  ) {}

  /** How the connection stands. */
  get connection(): Readable<Connection> {
    return this.#state;
  }

  /** Connects, unless it is, and tries at once where it waits. */
  connect(): void {
    if (this.#ws !== undefined) return;
    clearTimeout(this.#timer);
    if (this.#state.get().status !== "waiting") this.#state.set({ status: "connecting" });
    const ws = new WebSocket(this.url, [PROTOCOL]);
    ws.binaryType = "arraybuffer";
    this.#ws = ws;
    ws.onopen = () =>
      ws.send(toBinary(ClientFrameSchema, create(ClientFrameSchema, { say: { case: "login", value: { token: this.token() } } })));
    ws.onmessage = (message: MessageEvent<ArrayBuffer>) => this.#take(new Uint8Array(message.data));
    ws.onclose = (event) => this.#closed(ws, event.code);
    this.#heard = this.#asked = performance.now();
    this.#listen();
  }

  /** Closes it for good, or until the next `connect`. */
  close(): void {
    const ws = this.#ws;
    if (ws !== undefined) {
      ws.close(1000);
      this.#closed(ws, 1000);
    }
    clearTimeout(this.#timer); // also the one that was just set
    this.#state.set({ status: "closed" });
  }

  /** Sends a frame; false: there is no open socket. */
  send(frame: Uint8Array<ArrayBuffer>): boolean {
    if (this.#ws === undefined || this.#state.get().status !== "open") return false;
    this.#ws.send(frame);
    return true;
  }

  #take(frame: Uint8Array): void {
    this.#heard = performance.now();
    const reader = new Reader(frame);
    let call = 0;
    while (reader.more) {
      const tag = reader.varint();
      const field = tag >>> 3;
      if (field === 1) call = reader.varint();
      else if ((tag & 7) !== 2) reader.skip(tag & 7);
      else if (field === WELCOME) this.#welcome(fromBinary(ServerFrameSchema, frame).say.value as Welcome);
      else this.onFrame(call, field, reader.delimited());
      if (field === WELCOME) return;
    }
  }

  #welcome(welcome: Welcome): void {
    this.#attempts = 0;
    this.#state.set({ status: "open", since: Date.now(), version: welcome.version });
  }

  /**
   * A way that is cut in silence is noticed by silence, also one that is just being made. It is asked first: a timer that comes late, as in a
   * hidden tab or after a sleep, says nothing of the other end.
   */
  #listen(): void {
    clearTimeout(this.#watch);
    this.#watch = setTimeout(() => {
      const now = performance.now();
      if (now - this.#heard >= QUIET_MS) {
        if (this.#asked > this.#heard) {
          if (this.#ws !== undefined) this.#closed(this.#ws, 1006);
          return;
        }
        this.#asked = now;
        // A call without a number is answered with an error: that is a sign of life.
        this.send(toBinary(ClientFrameSchema, create(ClientFrameSchema, { say: { case: "metrics", value: {} } })));
      }
      this.#listen();
    }, DEAD_MS);
  }

  #closed(ws: WebSocket, code: number): void {
    if (ws !== this.#ws) return; // an older one
    this.#ws = undefined;
    ws.onopen = ws.onmessage = ws.onclose = null;
    ws.close();
    clearTimeout(this.#watch);
    const before = this.#state.get();
    if (code === NOT_LOGGED_IN) {
      this.#state.set({ status: "refused" });
    } else {
      const pause = Math.min(FIRST_PAUSE * 2 ** this.#attempts, MAX_PAUSE) * (1 - JITTER + 2 * JITTER * Math.random());
      this.#attempts += 1;
      const since = before.status === "waiting" ? before.since : Date.now();
      this.#state.set({ status: "waiting", since, retryAt: Date.now() + pause, attempts: this.#attempts });
      this.#timer = setTimeout(() => this.connect(), pause);
    }
    if (before.status === "open") this.onLost();
  }
}
