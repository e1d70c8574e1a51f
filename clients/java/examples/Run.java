import com.google.protobuf.Message;
import dev.sightline.Client;
import dev.sightline.SightlineException;
import dev.sightline.Subscription;
import dev.sightline.v1.Channel;
import dev.sightline.v1.Command;
import dev.sightline.v1.Completed;
import dev.sightline.v1.CreateRequest;
import dev.sightline.v1.Event;
import dev.sightline.v1.SubscribeRequest;
import dev.sightline.v1.TerminateRequest;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;

/** Runs a command as a session, and follows it: Run -- CMD…. Its output is the command's, and so is its exit code; Ctrl-C ends the command. */
public final class Run {
    public static void main(String[] args) throws IOException {
        List<String> argv = Arrays.asList(args).subList(args.length > 0 && args[0].equals("--") ? 1 : 0, args.length);
        if (argv.isEmpty()) {
            System.err.println("usage: Run -- CMD...");
            System.exit(2);
        }
        int code = 2;
        try (Client client = Client.connect()) {
            code = run(client, argv);
        } catch (SightlineException error) {
            System.err.println("Run: " + error.getMessage());
        }
        Runtime.getRuntime().halt(code); // not exit: there is nothing to interrupt any more
    }

    private static int run(Client client, List<String> argv) throws IOException {
        String id = client.call(server -> server.create(create(argv))).getSession().getId();
        Runtime.getRuntime().addShutdownHook(new Thread(() ->
                client.call(server -> server.terminate(TerminateRequest.newBuilder().setSession(id).build()))));
        int code = 2;
        try (Subscription subscription = client.subscribe(SubscribeRequest.newBuilder().addSessions(id).build())) {
            for (Message item : subscription) {
                if (item instanceof Event event && event.hasOutput()) {
                    PrintStream to = event.getOutput().getChannel() == Channel.CHANNEL_STDERR ? System.err : System.out;
                    event.getOutput().getData().writeTo(to);
                    to.flush();
                } else if (item instanceof Event event && event.hasCompleted()) {
                    code = exitCode(event.getCompleted());
                }
            }
        }
        return code;
    }

    /** A command that runs as it would here: same directory, same environment, its output in pipes. */
    private static CreateRequest create(List<String> argv) {
        return CreateRequest.newBuilder()
                .setRequestId(UUID.randomUUID().toString()) // a retry gets the same session
                .setCwd(Path.of("").toAbsolutePath().toString())
                .putAllEnv(System.getenv())
                .setClearEnv(true)
                .setCommand(Command.newBuilder().addAllArgv(argv).setStdin(Command.Stdin.STDIN_NULL))
                .build();
    }

    private static int exitCode(Completed completed) {
        if (completed.hasExitCode()) {
            return completed.getExitCode();
        }
        return completed.getSignal() != 0 ? 128 + completed.getSignal() : 1; // as a shell says it
    }
}
