/** Where the server is, the connection to it, and its calls. The only module that reads the environment and dials. */
import { readFileSync } from "node:fs";
import { isIP, type Socket, connect as tcp } from "node:net";
import { homedir } from "node:os";
import { join } from "node:path";
import { connect as tls } from "node:tls";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient, type Client as Generated, type Transport } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { SightlineError } from "./errors.js";
import { SessionService, type SubscribeRequestSchema } from "./gen/sightline/v1/session_service_pb.js";
import { type SubscribeOptions, Subscription } from "./subscription.js";

/** Of `connect`. What is missing comes from the environment. */
export interface Options {
  /** For TCP; missing: what is in the file `SIGHTLINE_TOKEN_FILE`, else in `token` in the home, if it can be read. */
  token?: string;
  /** Turns TLS on: a PEM file of the authority of the server's certificate; missing: `SIGHTLINE_TLS_CA`, else the system's. */
  ca?: string;
}

/** One server: the contract's calls, and subscriptions that resume by themselves. What fails is a `SightlineError`. */
export interface Client extends Omit<Generated<typeof SessionService>, "subscribe"> {
  /** Follows sessions, until the server says that they are over. The server is asked when the first item is. */
  subscribe(request: MessageInitShape<typeof SubscribeRequestSchema>, options?: SubscribeOptions): Subscription;
  /** Ends what is under way, and subscriptions with it. */
  close(): void;
}

const WINDOW = 4 * 1024 * 1024; // bytes on the way that a slow reader holds back, of a stream and of all
const MAX_RESPONSE = 16 * 1024 * 1024; // bytes: room above the contract's 2 MiB
const CONNECT_MS = 5_000; // for a connection to come up
const KEEPALIVE = { pingIntervalMs: 30_000, pingTimeoutMs: 10_000 }; // notices a dead machine; a socket's other end cannot vanish in silence

/**
 * A client of the server at `unix:PATH`, `host:port`, or `https://host:port` for TLS; missing: at `SIGHTLINE_TARGET`, else at the socket in
 * the home (`SIGHTLINE_HOME`, else `~/.local/state/sightline`). It connects when it is used, and keeps no process alive that does nothing with it.
 *
 * @throws {TypeError} the target is none of these, or another machine without TLS: the token could be read on the way.
 */
export function connect(target?: string, options: Options = {}): Client {
  const { url, shown, dial, token, here } = find(target, options, process.env);
  const sessions = new Connections(url, shown.startsWith("unix:") ? {} : KEEPALIVE, {
    createConnection: dial,
    settings: { initialWindowSize: WINDOW, enablePush: false },
  });
  let [closed, reached] = [false, false];
  const inner = createGrpcTransport({
    baseUrl: url,
    sessionManager: sessions,
    readMaxBytes: MAX_RESPONSE,
    acceptCompression: [],
    interceptors: [
      (next) => async (call) => {
        if (closed) throw new ConnectError("closed", Code.Canceled);
        if (token) call.header.set("authorization", `Bearer ${token}`);
        const answer = await next(call);
        reached = true;
        return answer;
      },
    ],
  });
  const judge = (raised: unknown): SightlineError => {
    if (closed) return new SightlineError("CANCELLED", "the client was closed");
    const error = SightlineError.from(raised);
    if (reached || error.code !== "UNAVAILABLE" || error.reason !== "") return error;
    const advice = "start one with `sightline serve`, or set SIGHTLINE_TARGET to where it is";
    const message = `no Sightline server answers at ${shown} (${error.message}): ${advice}`;
    return new SightlineError("UNAVAILABLE", message, "SERVER_NOT_FOUND", { target: shown }, { cause: error });
  };
  const unary: Transport["unary"] = (method, signal, ...call) =>
    inner.unary(method, signal, ...call).catch((raised) => {
      signal?.throwIfAborted();
      throw judge(raised);
    });
  const calls = createClient(SessionService, { unary, stream: inner.stream });
  const following = new Set<Subscription>();
  const close = () => {
    closed = true;
    for (const subscription of following) subscription.close();
    sessions.abort();
  };
  const subscribe: Client["subscribe"] = (request, more) => new Subscription({ calls, here, judge, following }, request, more);
  return { ...calls, subscribe, close };
}

/** Connections, one at a time, whose window is as wide as a stream's: HTTP/2's own, 64 KiB for all streams, is narrow for a distant server. */
class Connections extends Http2SessionManager {
  override async request(...call: Parameters<Http2SessionManager["request"]>): ReturnType<Http2SessionManager["request"]> {
    const stream = await super.request(...call);
    stream.session?.setLocalWindowSize(WINDOW);
    return stream;
  }
}

/** Where the server is, and what to show it. */
function find(given: string | undefined, options: Options, env: NodeJS.ProcessEnv) {
  const home = env.SIGHTLINE_HOME || join(env.XDG_STATE_HOME || join(homedir(), ".local/state"), "sightline");
  const shown = given || env.SIGHTLINE_TARGET || `unix:${join(home, "sightline.sock")}`;
  if (shown.startsWith("unix:")) {
    const path = shown.replace(/^unix:(\/\/)?/, ""); // whose file mode says who may enter
    return { url: "http://localhost", shown, dial: () => timed(tcp({ path }), "connect"), token: "", here: true };
  }
  const [, scheme, name = "", port] = /^(https?:\/\/)?(\[[^\]]+\]|[^/:[\]]+):(\d+)\/*$/.exec(shown) ?? [];
  if (!name) throw new TypeError(`"${shown}" is no target: give unix:PATH, host:port, or https://host:port for TLS`);
  const host = name.replace(/^\[|\]$/g, "");
  const here = host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
  const ca = options.ca || env.SIGHTLINE_TLS_CA;
  const secure = scheme === "https://" || Boolean(ca);
  if (!secure && !here) {
    throw new TypeError(
      `"${shown}" is another machine, and the token could be read on the way: give https://host:port, or use ssh -L`,
    );
  }
  const at = { host, port: Number(port), noDelay: true };
  const trusted = { ...at, ALPNProtocols: ["h2"], ...(ca && { ca: readFileSync(ca) }), ...(!isIP(host) && { servername: host }) };
  const dial = () => (secure ? timed(tls(trusted), "secureConnect") : timed(tcp(at), "connect"));
  const token = options.token ?? readToken(env.SIGHTLINE_TOKEN_FILE, home);
  return { url: `${secure ? "https" : "http"}://${name}:${port}`, shown, dial, token, here };
}

function readToken(named: string | undefined, home: string): string {
  try {
    return readFileSync(named || join(home, "token"), "utf8").trim();
  } catch (error) {
    if (named) throw error;
    return ""; // the server says UNAUTHENTICATED, and what to do
  }
}

/** A socket that is given up when it does not come up in time. */
function timed(socket: Socket, ready: "connect" | "secureConnect"): Socket {
  const late = () => socket.destroy(new Error(`no connection within ${CONNECT_MS} ms`));
  const timer = setTimeout(late, CONNECT_MS).unref();
  return socket.once(ready, () => clearTimeout(timer)).once("close", () => clearTimeout(timer));
}
