import { create } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { CallError, Code, connectionLost } from "../bridge/errors";
import { CreateRequestSchema, CreateResponseSchema } from "../gen/sightline/v1/session_service_pb";
import { Creator } from "./create";

/** A service that answers with these, one after the other. */
function service(...answers: (Error | string)[]) {
  const ids: string[] = [];
  const client = {
    call: async (_method: string, request: { requestId?: string }) => {
      ids.push(request.requestId ?? "");
      const answer = answers.shift() ?? "made";
      if (answer instanceof Error) throw answer;
      return create(CreateResponseSchema, { session: { id: answer } });
    },
  } as unknown as ConstructorParameters<typeof Creator>[0];
  let last = 0;
  return { ids, creator: new Creator(client, () => `id-${++last}`) };
}

const wish = (name: string) => create(CreateRequestSchema, { name });

describe("creating a session", () => {
  it("is tried again with the same id where the connection broke, so that it is made once", async () => {
    const { ids, creator } = service(connectionLost(), "s");
    expect((await creator.make(wish("a"))).id).toBe("s");
    expect(ids).toEqual(["id-1", "id-1"]);
  });

  it("is the same call also when somebody presses again after it failed to get through", async () => {
    const { ids, creator } = service(connectionLost(), connectionLost(), connectionLost(), "s");
    await expect(creator.make(wish("a"))).rejects.toThrow("lost");
    await creator.make(wish("a"));
    expect(new Set(ids)).toEqual(new Set(["id-1"]));
  });

  it("is another call when something else is wished", async () => {
    const { ids, creator } = service(connectionLost(), connectionLost(), connectionLost(), "s");
    await expect(creator.make(wish("a"))).rejects.toThrow();
    await creator.make(wish("b"));
    expect(ids.at(-1)).toBe("id-2");
  });

  it("is another call after a refusal, and after it worked", async () => {
    const { ids, creator } = service(new CallError(Code.ALREADY_EXISTS, "taken", "NAME_TAKEN"), "s", "t");
    await expect(creator.make(wish("a"))).rejects.toThrow("taken");
    await creator.make(wish("a"));
    await creator.make(wish("a"));
    expect(ids).toEqual(["id-1", "id-2", "id-3"]);
  });

  it("is not tried again where the service refused", async () => {
    const { ids, creator } = service(new CallError(Code.INVALID_ARGUMENT, "bad", "BAD_NAME"));
    await expect(creator.make(wish("a"))).rejects.toThrow("bad");
    expect(ids).toHaveLength(1);
  });
});
