/** What a call can fail with. Knows the wire form of errors, and neither connections nor calls. */
import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema } from "./gen/google/rpc/error_details_pb.js";

/** What connect says where no service spoke, but something on the way to it, or the way itself, gave up. */
const ON_THE_WAY = [Code.Unavailable, Code.Aborted, Code.Canceled, Code.Internal, Code.InvalidArgument, Code.Unknown];

/** What the server, or the way to it, has to say. */
export class SightlineError extends Error {
  override readonly name = "SightlineError";

  constructor(
    /** gRPC's name of the status, such as `NOT_FOUND`. */
    readonly code: string,
    /** What happened, what it means and what to do, for people. */
    message: string,
    /** A stable word for programs, such as `SESSION_NOT_FOUND`; empty: none was given. */
    readonly reason = "",
    /** The variables of the message, such as `session`. */
    readonly metadata: Readonly<Record<string, string>> = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
  }

  /** The connection or the server went away: the same may work at the server's next life. */
  get broken(): boolean {
    return this.code === "UNAVAILABLE" && ["", "DRAINING"].includes(this.reason);
  }

  /** Nobody listens there: what came of the try is known at once. */
  get nobody(): boolean {
    const { cause } = (this.cause ?? {}) as { cause?: { code?: string } };
    return cause?.code === "ECONNREFUSED" || cause?.code === "ENOENT";
  }

  /** The error of a failed call. */
  static from(raised: unknown): SightlineError {
    if (raised instanceof SightlineError) return raised;
    const error = ConnectError.from(raised);
    const [info] = error.findDetails(ErrorInfoSchema);
    const unreadable = /^(parse|serialize) binary/.test(error.rawMessage);
    // A server that gives a call up, as at the end of its time to drain, says CANCELLED.
    const broke = error.isWireError ? error.code === Code.Canceled : ON_THE_WAY.includes(error.code) && !unreadable;
    const code = broke ? "UNAVAILABLE" : Code[error.code].replace(/(?<=[a-z])[A-Z]/g, "_$&").toUpperCase();
    return new SightlineError(code, error.rawMessage, info?.reason, info?.metadata, { cause: error });
  }
}
