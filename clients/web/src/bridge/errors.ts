/** What a call can fail with, in the words of the service or of the connection. */
import type { CallEnd } from "../gen/sightline/v1/bridge_pb";

/** gRPC's numbers of the codes that the dashboard looks at. */
export const Code = {
  CANCELLED: 1,
  INVALID_ARGUMENT: 3,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  UNAUTHENTICATED: 16,
} as const;

/** A call that failed. `message` is for people: what happened, what it means and what to do. */
export class CallError extends Error {
  override readonly name = "CallError";

  constructor(
    /** gRPC's number of the status. */
    readonly code: number,
    message: string,
    /** The stable word for programs, such as `SESSION_NOT_FOUND`; empty: none was given. */
    readonly reason = "",
    /** The variables of the message. */
    readonly metadata: Readonly<Record<string, string>> = {},
  ) {
    super(message);
  }

  static of(end: CallEnd): CallError {
    return new CallError(end.code, end.message, end.reason, end.metadata);
  }

  /** The way to the server is cut, or the server is going: the same call may work in a moment. */
  get broken(): boolean {
    return (
      this.code === Code.UNAVAILABLE &&
      ["", "DRAINING", "STREAM_BROKEN", "CONNECTION_LOST", "SERVER_NOT_FOUND"].includes(this.reason)
    );
  }
}

/** The connection went while a call was under way: whether it was done is not known. */
export const connectionLost = (): CallError =>
  new CallError(Code.UNAVAILABLE, "the connection to the bridge was lost before the answer came", "CONNECTION_LOST");
