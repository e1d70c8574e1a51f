/** Prints what a session prints, from its beginning, until it ends: `node dist/examples/tail.js NAME`. */
import { connect, GapReason, SightlineError } from "@sightline/client";

const [name] = process.argv.slice(2);
if (name === undefined) {
  process.stderr.write("usage: tail NAME\n");
  process.exit(2);
}
const leaving = new AbortController();
process.once("SIGINT", () => leaving.abort());
process.stdout.on("error", () => process.exit(1)); // nobody reads it any more
const client = connect();
try {
  for await (const item of client.subscribe({ sessions: [name] }, { signal: leaving.signal })) {
    if (item.case === "event" && item.value.payload.case === "output") process.stdout.write(item.value.payload.value.data);
    else if (item.case === "gap") {
      const { firstSeq, lastSeq, reason } = item.value;
      process.stderr.write(`tail: events ${firstSeq} to ${lastSeq} are gone: ${GapReason[reason]}\n`);
    }
  }
} catch (error) {
  if (!leaving.signal.aborted) {
    if (!(error instanceof SightlineError)) throw error;
    process.stderr.write(`tail: ${error.message}\n`);
    process.exitCode = 1;
  }
} finally {
  client.close();
}
