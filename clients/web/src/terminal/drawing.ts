/** Events of a session, drawn on a screen in their order. */
import type { Entry } from "../bridge/entries";
import { Channel, EventKind } from "../gen/sightline/v1/event_pb";
import { bytes } from "../ui/format";
import { joined } from "./bytes";
import { outputOf } from "./output";
import { noteLine, type Size } from "./screen";

const BATCH = 32 * 1024; // bytes: small outputs are drawn together

/** The kinds that change what is drawn. */
export const DRAWN = [EventKind.OUTPUT, EventKind.OUTPUT_LOST, EventKind.RESIZED];

/** What is drawn on. */
export interface Canvas {
  readonly options: { readonly pipes: boolean };
  write(data: Uint8Array | string): Promise<void>;
  resize(size: Size): void;
}

/** Draws what comes. Bytes of a character that is cut between two events belong together, in each channel. */
export class Drawing {
  readonly #decoders = new Map<Channel, TextDecoder>();
  #parts: Uint8Array[] = [];
  #size = 0;

  /** @param missed is told what was lost, for people. */
  constructor(
    private readonly canvas: Canvas,
    private readonly missed: (text: string) => void = () => {},
  ) {}

  /** Returns when all of it is drawn. */
  async draw(entries: readonly Entry[]): Promise<void> {
    for (const entry of entries) {
      const output = outputOf(entry);
      if (output !== undefined) {
        if (this.canvas.options.pipes) await this.canvas.write(this.#text(output.channel, output.data));
        else await this.#gather(output.data);
      } else if (entry.kind === EventKind.RESIZED || entry.kind === EventKind.OUTPUT_LOST) {
        await this.#flush();
        await this.#other(entry);
      }
    }
    await this.#flush();
  }

  /** A line of the page's own; only among lines, where it moves nothing. */
  async note(text: string): Promise<void> {
    if (this.canvas.options.pipes) await this.canvas.write(`\r\n${noteLine(text)}\r\n`);
  }

  async #other(entry: Entry): Promise<void> {
    const { payload } = entry.decode();
    if (payload.case === "resized" && !this.canvas.options.pipes) this.canvas.resize(payload.value);
    if (payload.case !== "outputLost") return;
    const { bytes: count, reason } = payload.value;
    const text = `${count > 0n ? bytes(count) : "Some"} of output could not be kept${reason ? `: ${reason}` : ""}`;
    this.missed(text);
    await this.note(text);
  }

  /** What a pipe says; what comes from stderr is red and slanted. */
  #text(channel: Channel, data: Uint8Array): string {
    let decoder = this.#decoders.get(channel);
    if (decoder === undefined) {
      decoder = new TextDecoder();
      this.#decoders.set(channel, decoder);
    }
    const text = decoder.decode(data, { stream: true });
    return channel === Channel.STDERR && text !== "" ? `\x1b[3;31m${text}\x1b[23;39m` : text;
  }

  async #gather(data: Uint8Array): Promise<void> {
    this.#parts.push(data);
    this.#size += data.length;
    if (this.#size >= BATCH) await this.#flush();
  }

  async #flush(): Promise<void> {
    const parts = this.#parts;
    if (this.#size === 0) return;
    this.#parts = [];
    this.#size = 0;
    await this.canvas.write(joined(parts));
  }
}
