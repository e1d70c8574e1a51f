import com.google.protobuf.Message;
import dev.sightline.Client;
import dev.sightline.SightlineException;
import dev.sightline.Subscription;
import dev.sightline.v1.Event;
import dev.sightline.v1.Gap;
import dev.sightline.v1.SubscribeRequest;
import java.io.IOException;

/** Prints what a session prints, from its beginning, until it ends: Tail NAME. */
public final class Tail {
    public static void main(String[] args) throws IOException {
        if (args.length != 1) {
            System.err.println("usage: Tail NAME");
            System.exit(2);
        }
        SubscribeRequest request = SubscribeRequest.newBuilder().addSessions(args[0]).build();
        try (Client client = Client.connect(); Subscription subscription = client.subscribe(request)) {
            for (Message item : subscription) {
                if (item instanceof Event event) {
                    event.getOutput().getData().writeTo(System.out);
                    System.out.flush();
                } else if (item instanceof Gap gap) {
                    System.err.printf("Tail: events %d to %d are gone: %s%n", gap.getFirstSeq(), gap.getLastSeq(), gap.getReason());
                }
            }
        } catch (SightlineException error) {
            System.err.println("Tail: " + error.getMessage());
            System.exit(1);
        }
    }
}
