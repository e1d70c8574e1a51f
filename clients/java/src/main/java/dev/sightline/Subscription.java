package dev.sightline;

import com.google.protobuf.Message;
import dev.sightline.v1.Cursor;
import dev.sightline.v1.EndReason;
import dev.sightline.v1.SessionServiceGrpc;
import dev.sightline.v1.SubscribeRequest;
import dev.sightline.v1.SubscribeResponse;
import io.grpc.Context;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * Gives each item once, in order, and resumes by itself where it was when the stream breaks. An item is an {@code Event}, or a sign of the
 * stream itself: {@code Header}, {@code Snapshot}, {@code CaughtUp}, {@code Gap}, {@code Heartbeat}. It is for one thread, but for
 * {@link #close}, and for one loop. Who reads slowly holds the server back: at most two responses wait here.
 */
public final class Subscription implements Iterable<Message>, Iterator<Message>, AutoCloseable {
    private final Client client;
    private final Progress progress;
    private final Context.CancellableContext context = Context.current().withCancellation();
    private final CountDownLatch over = new CountDownLatch(1);
    private volatile boolean closed;
    private Consumer<SightlineException> onLost = error -> { };
    private EndReason end = EndReason.END_REASON_UNSPECIFIED;
    private Iterator<SubscribeResponse> stream; // null: the server is to be asked
    private Iterator<? extends Message> items = Collections.emptyIterator(); // of the last response
    private boolean down;
    private long pause = Client.FIRST_PAUSE;
    private SightlineException failed;

    Subscription(Client client, SubscribeRequest request) {
        this.client = client;
        progress = new Progress(request);
        context.addListener(done -> over.countDown(), Runnable::run);
    }

    /** Has the reading thread call this once an outage, before it tries again. */
    public void onLost(Consumer<SightlineException> call) { onLost = call; }

    @Override public Iterator<Message> iterator() { return this; }

    /** Waits for the next item; false: the stream is over, or closed. Throws {@link SightlineException} for what trying again does not mend. */
    @Override public boolean hasNext() {
        while (!closed && !items.hasNext()) {
            if (failed != null) {
                throw failed;
            }
            try {
                read();
            } catch (StatusRuntimeException error) {
                mend(client.judge(error));
            }
        }
        return !closed;
    }

    @Override public Message next() {
        if (!hasNext()) {
            throw new NoSuchElementException();
        }
        Message item = items.next();
        progress.advance(item);
        return item;
    }

    /** Why the stream is over; UNSPECIFIED while it is not. */
    public EndReason end() { return end; }

    /** Where to go on after what {@link #next} gave: for {@code SubscribeRequest.setAfter}, in another process, say. */
    public List<Cursor> cursors() { return progress.cursors(); }

    /** Lets go of the server at once. Any thread may call it, and again: a read that waits ends. */
    @Override public void close() {
        closed = true;
        context.cancel(null);
    }

    private void read() {
        if (stream == null) {
            var server = SessionServiceGrpc.newBlockingStub(client.channel());
            context.run(() -> stream = (down ? server.withWaitForReady() : server).subscribe(progress.request()));
        }
        boolean more = stream.hasNext();
        client.answered();
        if (!more) {
            throw Status.UNAVAILABLE.withDescription("the stream broke off without its end").asRuntimeException();
        }
        SubscribeResponse response = stream.next();
        if (!response.hasEnd()) {
            down = false;
            pause = Client.FIRST_PAUSE;
            items = progress.items(response).iterator();
        } else if (response.getEnd().getReason() != EndReason.END_REASON_DRAINING) { // with which the stream closes: a break like any other
            end = response.getEnd().getReason();
            close();
        }
    }

    /** Returns after a pause, when it is time to ask again; else it has failed. */
    private void mend(SightlineException error) {
        stream = null;
        if (!error.broken() || context.isCancelled() || client.closed() || Thread.currentThread().isInterrupted()) {
            failed = error;
            context.cancel(error);
            return;
        }
        if (!down) {
            down = true;
            onLost.accept(error);
        }
        try {
            over.await(Client.jittered(pause), TimeUnit.MILLISECONDS);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt(); // the next read says so
        }
        pause = Math.min(2 * pause, Client.MAX_PAUSE);
    }
}
