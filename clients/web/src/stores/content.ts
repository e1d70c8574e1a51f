/** What cards say: their events, decoded when they are looked at. Pure. */
import type { Entry } from "../bridge/entries";
import type { Event } from "../gen/sightline/v1/event_pb";
import { type Card, entriesOfCard } from "./cards";

type Case = NonNullable<Event["payload"]["case"]>;
/** The payload of a name. */
export type PayloadOf<K extends Case> = Extract<Event["payload"], { case: K }>["value"];

/** The events of a card, in order. For cards of a few events; those of many are read by `textOf` and `endOfOutput`. */
export const eventsOf = (card: Card): Event[] => entriesOfCard(card).map((entry) => entry.decode());

/** The last payload of a name among events. */
export function lastOf<K extends Case>(events: readonly Event[], name: K): PayloadOf<K> | undefined {
  const payload = events.findLast((event) => event.payload.case === name)?.payload;
  return payload?.value as PayloadOf<K> | undefined;
}

/** When an event happened, in milliseconds since 1970: by its source where that knows, as recordings do. */
export function timeOf(event: Event | undefined): number {
  const at = event?.sourceTime ?? event?.time;
  return at === undefined ? 0 : Number(at.seconds) * 1000 + Math.floor(at.nanos / 1e6);
}

/** The `seq`s of the card's events of which something was cut off. */
export const cutOf = (events: readonly Event[]): number[] =>
  events.filter((event) => event.truncatedBytes > 0n).map((event) => Number(event.seq));

interface Told {
  count: number;
  text: string;
}

const told = new WeakMap<readonly Entry[], Told>(); // a growing message is read on, not read anew

/** The text of a message or a thought: what was told whole last, and the pieces behind it. */
export function textOf(card: Card): string {
  let known = told.get(card.entries);
  if (known === undefined || known.count > card.count) known = { count: 0, text: "" };
  const pieces = [known.text];
  for (let at = known.count; at < card.count; at++) {
    const payload = (card.entries[at] as Entry).decode().payload;
    if (payload.case !== "message" && payload.case !== "thinking") continue;
    if (!payload.value.delta) pieces.length = 0;
    pieces.push(payload.value.text);
  }
  const text = pieces.join("");
  if (card.entries.length > 1) told.set(card.entries, { count: card.count, text });
  return text;
}

const utf8 = new TextDecoder();

/** The last lines of an output card, and how many bytes come before them. */
export function endOfOutput(card: Card, lines: number): { text: string; before: number } {
  const parts: Uint8Array[] = [];
  let size = 0;
  let ends = 0;
  let at = card.count - 1;
  for (; at >= 0 && ends <= lines; at--) {
    const payload = (card.entries[at] as Entry).decode().payload;
    if (payload.case !== "output") continue;
    parts.unshift(payload.value.data);
    size += payload.value.data.length;
    for (const byte of payload.value.data) if (byte === LF) ends += 1;
  }
  const bytes = new Uint8Array(size);
  let to = 0;
  for (const part of parts) {
    bytes.set(part, to);
    to += part.length;
  }
  const cut = startOfLines(bytes, lines);
  let before = cut;
  for (; at >= 0; at--) before += (card.entries[at] as Entry).bytes.length;
  return { text: utf8.decode(bytes.subarray(cut)), before };
}

const LF = 10;

function startOfLines(bytes: Uint8Array, lines: number): number {
  let left = lines;
  for (let at = bytes.length - 2; at >= 0; at--) if (bytes[at] === LF && --left === 0) return at + 1;
  return 0;
}

/** All that a card says, for the search: what is drawn of it, without its frame. */
export function plainText(card: Card): string {
  if (card.kind === "message" || card.kind === "thinking") return textOf(card);
  if (card.kind === "output") return endOfOutput(card, Number.POSITIVE_INFINITY).text;
  return eventsOf(card).map(words).join("\n");
}

function words({ payload }: Event): string {
  switch (payload.case) {
    case "toolCall":
      return `${payload.value.title}\n${unescaped(utf8.decode(payload.value.inputJson))}`;
    case "toolResult":
      return payload.value.content;
    case "request":
      return [payload.value.text, ...payload.value.options.map((option) => option.label)].join("\n");
    case "plan":
      return payload.value.entries.map((entry) => entry.content).join("\n");
    case "fileChanged":
      return `${payload.value.oldPath}\n${payload.value.path}`;
    case "input":
      return utf8.decode(payload.value.data);
    case "turnStarted":
      return payload.value.prompt;
    case "turnFinished":
      return payload.value.stopReason;
    case "completed":
      return `${payload.value.resultText}\n${payload.value.error}`;
    case "error":
      return `${payload.value.code}\n${payload.value.message}`;
    case "notice":
      return `${payload.value.code}\n${payload.value.text}`;
    case "requestResolved":
      return payload.value.text;
    case "stateChanged":
    case "outputLost":
      return payload.value.reason;
    case "agentInfo":
      return `${payload.value.agent}\n${payload.value.model}\n${payload.value.cwd}`;
    case "progress":
      return payload.value.phase;
    case "stepStarted":
      return payload.value.step;
    default:
      return "";
  }
}

/** JSON's text as it is drawn, roughly: what is searched for has line ends and quotes, and no signs before them. */
const unescaped = (json: string): string => json.replaceAll("\\n", "\n").replaceAll('\\"', '"').replaceAll("\\\\", "\\");
