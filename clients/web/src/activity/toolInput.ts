/** What a tool is given, as people would write it: a command line, a change of a file, or names and values. Pure; takes whatever agents write. */
import { type DiffLine, diff, patchLines } from "./diff";

/** How to draw it. */
export interface Shown {
  /** A command line; empty: it is none. */
  readonly command: string;
  /** Changes, each of a file. */
  readonly edits: readonly { readonly path: string; readonly lines: readonly DiffLine[] }[];
  /** What is left, by name. */
  readonly rest: readonly (readonly [name: string, value: string])[];
}

type Bag = Readonly<Record<string, unknown>>;

const COMMAND = ["command", "cmd", "script"];
const PATH = ["file_path", "filePath", "path", "notebook_path", "absolute_path", "target_file"];
const OLD = ["old_string", "oldString", "old_str", "old_text", "oldText"];
const NEW = ["new_string", "newString", "new_str", "new_text", "newText"];
const WHOLE = ["content", "contents", "file_text", "new_source"];
const SHELLS = /^(.*\/)?(ba|z|da|k)?sh$/;

/** Reads a tool's input. What is no JSON is given as it is. */
export function inputOf(json: string): Shown {
  let input: unknown;
  try {
    input = JSON.parse(json);
  } catch {
    return { command: "", edits: [], rest: json === "" ? [] : [["", json]] };
  }
  if (typeof input === "string") return isPatch(input) ? patched(input, []) : { command: "", edits: [], rest: [["", input]] };
  if (!isBag(input)) return { command: "", edits: [], rest: [["", JSON.stringify(input, undefined, 2)]] };
  return ofBag(input);
}

function ofBag(input: Bag): Shown {
  const used = new Set<string>();
  const take = (names: readonly string[]): unknown => {
    const name = names.find((one) => typeof input[one] === "string" || Array.isArray(input[one]));
    if (name === undefined) return undefined; // of another type it is not what its name says
    used.add(name);
    return input[name];
  };
  const command = commandOf(take(COMMAND));
  if (isPatch(command)) return patched(command, restOf(input, used));
  const patch = input.patch ?? input.input ?? input.diff;
  if (isPatch(patch)) return patched(patch, restOf(input, new Set([...used, "patch", "input", "diff"])));
  const edits = editsOf(input, take);
  return { command, edits, rest: restOf(input, used) };
}

const isBag = (value: unknown): value is Bag => typeof value === "object" && value !== null && !Array.isArray(value);
const text = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);
const isPatch = (value: unknown): value is string => typeof value === "string" && value.trimStart().startsWith("*** Begin Patch");
const patched = (patch: string, rest: Shown["rest"]): Shown => ({
  command: "",
  edits: [{ path: "", lines: patchLines(patch) }],
  rest,
});

function commandOf(value: unknown): string {
  if (typeof value === "string") return value;
  if (!Array.isArray(value)) return "";
  const argv = value.map(String);
  if (SHELLS.test(argv[0] ?? "") && argv.length === 3 && /^-\w*c$/.test(argv[1] ?? "")) return argv[2] ?? "";
  return argv.map((one) => (/^[\w@%+=:,./-]+$/.test(one) ? one : `'${one.replaceAll("'", "'\\''")}'`)).join(" ");
}

function editsOf(input: Bag, take: (names: readonly string[]) => unknown): Shown["edits"] {
  const { edits, changes } = input;
  if (Array.isArray(edits) && edits.every(isBag)) {
    take(["edits"]);
    const path = text(take(PATH)) ?? "";
    return edits.flatMap((one) => editOf(one, path));
  }
  if (isBag(changes)) {
    take(["changes"]);
    return Object.entries(changes).flatMap(([path, change]) => changeOf(path, change));
  }
  const found = editOf(input, "");
  if (found.length > 0) for (const names of [PATH, OLD, NEW, WHOLE]) take(names);
  return found;
}

function editOf(bag: Bag, otherwise: string): { path: string; lines: DiffLine[] }[] {
  const pick = (names: readonly string[]) => text(bag[names.find((name) => bag[name] !== undefined) ?? ""]);
  const path = pick(PATH) ?? otherwise;
  const before = pick(OLD);
  const after = pick(NEW) ?? (path === "" ? undefined : pick(WHOLE));
  return after === undefined && before === undefined ? [] : [{ path, lines: diff(before ?? "", after ?? "") }];
}

/** Codex's: by path, what is added, removed or changed. */
function changeOf(path: string, change: unknown): { path: string; lines: DiffLine[] }[] {
  if (!isBag(change)) return [{ path, lines: [] }];
  for (const [what, given] of Object.entries(change)) {
    if (!isBag(given)) continue;
    const unified = text(given.unified_diff);
    if (unified !== undefined) return [{ path, lines: patchLines(unified) }];
    const content = text(given.content) ?? "";
    return [{ path, lines: what === "delete" ? diff(content, "") : diff("", content) }];
  }
  return [{ path, lines: [] }];
}

const restOf = (input: Bag, used: ReadonlySet<string>): Shown["rest"] =>
  Object.entries(input)
    .filter(([name]) => !used.has(name))
    .map(([name, value]) => [name, typeof value === "string" ? value : JSON.stringify(value, undefined, 2)] as const);
