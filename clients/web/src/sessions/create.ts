/** `Create`, safe to try again: the same wish has the same id until it is fulfilled or refused, so that nothing is made twice. */
import { clone, toJsonString } from "@bufbuild/protobuf";
import type { BridgeClient } from "../bridge/client";
import { CallError } from "../bridge/errors";
import type { Session } from "../gen/sightline/v1/session_pb";
import { type CreateRequest, CreateRequestSchema } from "../gen/sightline/v1/session_service_pb";

const TRIES = 3;

/** Makes sessions; one for each dialog. */
export class Creator {
  #wish = "";
  #id = "";

  constructor(
    private readonly client: Pick<BridgeClient, "call">,
    private readonly newId: () => string = () => crypto.randomUUID(),
  ) {}

  /**
   * Creates the session, also over a connection that breaks meanwhile. Where it still fails for that reason, the same wish may be tried again
   * later and is the same call.
   *
   * @throws {CallError} what the service says.
   */
  async make(request: CreateRequest): Promise<Session> {
    const wish = toJsonString(CreateRequestSchema, request);
    if (wish !== this.#wish) this.#id = this.newId();
    this.#wish = wish;
    const asked = clone(CreateRequestSchema, request);
    asked.requestId = this.#id;
    for (let left = TRIES; ; left -= 1) {
      try {
        const { session } = await this.client.call("create", asked);
        this.#wish = "";
        if (session === undefined) throw new CallError(0, "the answer has no session in it");
        return session;
      } catch (error) {
        if (!(error instanceof CallError && error.broken)) {
          this.#wish = ""; // it was refused: the next try is another call
          throw error;
        }
        if (left <= 1) throw error;
      }
    }
  }
}
