/**
 * Runs a command as a session, and follows it: `node dist/examples/run.js -- CMD…`. Its output is the command's, and so is its exit code;
 * Ctrl-C interrupts the command. The command goes on when this program is killed.
 */
import { randomUUID } from "node:crypto";
import { Channel, Command_Stdin, type Completed, connect, SightlineError } from "@sightline/client";

const argv = process.argv.slice(process.argv[2] === "--" ? 3 : 2);
if (argv.length === 0) {
  process.stderr.write("usage: run -- CMD...\n");
  process.exit(2);
}
process.stdout.on("error", () => process.exit(1)); // nobody reads it any more
const client = connect();
try {
  const { session } = await client.create({
    requestId: randomUUID(), // a retry gets the same session
    cwd: process.cwd(),
    env: Object.fromEntries(Object.entries(process.env).map(([name, value]) => [name, value?.toWellFormed() ?? ""])),
    clearEnv: true,
    origin: { case: "command", value: { argv, stdin: Command_Stdin.NULL } },
  });
  const id = session?.id ?? "";
  process.on("SIGINT", () => client.interrupt({ session: id }).catch(() => {})); // an error: it has ended, and that is what was wanted
  for await (const item of client.subscribe({ sessions: [id] })) {
    if (item.case !== "event") continue;
    const { payload } = item.value;
    if (payload.case === "output") {
      const to = payload.value.channel === Channel.STDERR ? process.stderr : process.stdout;
      to.write(payload.value.data);
    } else if (payload.case === "completed") process.exitCode = exitCode(payload.value);
  }
} catch (error) {
  if (!(error instanceof SightlineError)) throw error;
  process.stderr.write(`run: ${error.message}\n`);
  process.exitCode = 2;
} finally {
  client.close();
}

function exitCode({ exitCode, signal }: Completed): number {
  if (exitCode !== undefined) return exitCode;
  return signal ? 128 + signal : 1; // as a shell says it
}
