/** Calls and subscriptions over one socket. One method for all calls of the service: the contract says what goes in and comes out. */
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import type { GenMessage } from "@bufbuild/protobuf/codegenv2";
import {
  CallEndSchema,
  type ClientFrame,
  ClientFrameSchema,
  type ServerFrame,
  ServerFrameSchema,
} from "../gen/sightline/v1/bridge_pb";
import type { SubscribeRequestSchema } from "../gen/sightline/v1/session_service_pb";
import { CallError, Code, connectionLost } from "./errors";
import { BridgeSocket, type Connection } from "./socket";
import type { Readable } from "./store";
import { type Handlers, Subscription } from "./subscription";

type Said = ClientFrame["say"];
type Answered = ServerFrame["say"];

/** The calls with one response, by their names in frames. */
export type Method = Exclude<Said["case"], undefined | "login" | "cancel" | "subscribe">;
/** What a call takes. */
export type RequestOf<M extends Method> = MessageInitShape<GenMessage<Extract<Said, { case: M }>["value"]>>;
/** What it gives. */
export type ResponseOf<M extends Method> = Extract<Answered, { case: M }>["value"];

const END = ServerFrameSchema.field.end.number;
const CONNECT_MS = 10_000; // a call waits so long for a connection

/** One call under way, as the client sees it. */
export interface Pending {
  /** A response's bytes. */
  onResponse(body: Uint8Array): void;
  /** It is over; undefined: well. */
  onEnd(error: CallError | undefined): void;
}

/** The service, over one socket that comes back by itself. */
export class BridgeClient {
  readonly #socket: BridgeSocket;
  readonly #pending = new Map<number, Pending>();
  #last = 0;

  /** See `BridgeSocket`. */
  constructor(url: string, token: () => string) {
    this.#socket = new BridgeSocket(url, token, this.#take, this.#lost);
  }

  /** How the connection stands. */
  get connection(): Readable<Connection> {
    return this.#socket.connection;
  }

  /** Connects; tries at once where it waits for the next try. */
  connect(): void {
    this.#socket.connect();
  }

  /** Ends everything. */
  close(): void {
    this.#socket.close();
  }

  /**
   * Calls the service once. Waits up to 10 s for a connection; a call that was sent is never sent again, since it may have been done: give
   * a `requestId` where there is one, and call again.
   *
   * @throws {CallError} what the service says, or that the connection was lost.
   */
  async call<M extends Method>(method: M, request: RequestOf<M>, signal?: AbortSignal): Promise<ResponseOf<M>> {
    await this.ready(CONNECT_MS, signal);
    if (signal?.aborted) throw new CallError(Code.CANCELLED, "cancelled", "CANCELLED");
    const answer: Promise<unknown> = new Promise((resolve, reject) => {
      const number = this.open(
        { case: method, value: request },
        {
          onResponse: (body) => {
            const field = ServerFrameSchema.fields.find((one) => one.localName === method);
            if (field?.message === undefined) throw new TypeError(`${method} is no call of the contract`);
            this.#pending.delete(number);
            signal?.removeEventListener("abort", cancel);
            resolve(fromBinary(field.message, body));
          },
          onEnd: (error) => {
            signal?.removeEventListener("abort", cancel);
            reject(error ?? new CallError(Code.UNAVAILABLE, `${method} ended without an answer`));
          },
        },
      );
      const cancel = () => this.cancel(number);
      signal?.addEventListener("abort", cancel, { once: true });
    });
    return answer as Promise<ResponseOf<M>>; // the field of the method's name has this type
  }

  /** Follows sessions; see `Subscription`. It begins at once, or when there is a connection. */
  subscribe(
    request: MessageInitShape<typeof SubscribeRequestSchema>,
    handlers: Handlers,
    options?: { window?: number },
  ): Subscription {
    return new Subscription(this, request, handlers, options?.window);
  }

  /** Returns when the connection is open. @throws {CallError} it is not within `ms`, or nobody is logged in. */
  ready(ms: number, signal?: AbortSignal): Promise<void> {
    if (this.connection.get().status === "open") return Promise.resolve();
    return new Promise((resolve, reject) => {
      const look = () => {
        const { status } = this.connection.get();
        if (status === "open") finish(resolve);
        else if (status === "refused")
          finish(() => reject(new CallError(Code.UNAUTHENTICATED, "not logged in", "UNAUTHENTICATED")));
      };
      const finish = (done: () => void) => {
        clearTimeout(timer);
        stop();
        done();
      };
      const timer = setTimeout(() => finish(() => reject(new CallError(Code.UNAVAILABLE, "the bridge does not answer"))), ms);
      const stop = this.connection.subscribe(look);
      signal?.addEventListener("abort", () => finish(() => reject(new CallError(Code.CANCELLED, "cancelled"))), { once: true });
      look();
    });
  }

  /** Starts a call and returns its number; for `Subscription`. Where there is no connection the handler's end comes later in this turn. */
  open(say: { case: Method | "subscribe"; value: object }, pending: Pending, credit = 0): number {
    const number = ++this.#last;
    this.#pending.set(number, pending);
    const frame = create(ClientFrameSchema, {
      call: number,
      credit: BigInt(credit),
      say: say as Exclude<Said, { case: undefined }>,
    });
    if (!this.#socket.send(toBinary(ClientFrameSchema, frame))) queueMicrotask(() => this.#end(number, connectionLost()));
    return number;
  }

  /** Lets so many more bytes of a call's responses come. */
  grant(number: number, credit: number): void {
    this.#socket.send(toBinary(ClientFrameSchema, create(ClientFrameSchema, { call: number, credit: BigInt(credit) })));
  }

  /** Wants no more of a call: its handler hears no more but the end. */
  cancel(number: number): void {
    if (!this.#pending.has(number)) return;
    this.#socket.send(
      toBinary(ClientFrameSchema, create(ClientFrameSchema, { call: number, say: { case: "cancel", value: {} } })),
    );
    this.#end(number, new CallError(Code.CANCELLED, "cancelled", "CANCELLED"));
  }

  readonly #take = (call: number, field: number, body: Uint8Array): void => {
    if (field !== END) {
      this.#pending.get(call)?.onResponse(body);
      return;
    }
    const end = fromBinary(CallEndSchema, body);
    this.#end(call, end.code === 0 ? undefined : CallError.of(end));
  };

  readonly #lost = (): void => {
    for (const number of [...this.#pending.keys()]) this.#end(number, connectionLost());
  };

  #end(number: number, error: CallError | undefined): void {
    const pending = this.#pending.get(number);
    this.#pending.delete(number);
    pending?.onEnd(error);
  }
}
