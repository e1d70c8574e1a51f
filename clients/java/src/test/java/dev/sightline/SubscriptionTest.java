package dev.sightline;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.Any;
import com.google.protobuf.ByteString;
import com.google.protobuf.Message;
import com.google.rpc.ErrorInfo;
import dev.sightline.v1.End;
import dev.sightline.v1.EndReason;
import dev.sightline.v1.Event;
import dev.sightline.v1.Header;
import dev.sightline.v1.Output;
import dev.sightline.v1.Place;
import dev.sightline.v1.Session;
import dev.sightline.v1.SessionServiceGrpc;
import dev.sightline.v1.SubscribeRequest;
import dev.sightline.v1.SubscribeResponse;
import io.grpc.Context;
import io.grpc.InsecureServerCredentials;
import io.grpc.Server;
import io.grpc.Status;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.netty.shaded.io.netty.channel.EventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.MultiThreadIoEventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.nio.NioIoHandler;
import io.grpc.netty.shaded.io.netty.channel.socket.nio.NioServerDomainSocketChannel;
import io.grpc.protobuf.StatusProto;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Against a gRPC server on a Unix socket whose streams do what a real server's rarely do. */
@Timeout(60)
class SubscriptionTest {
    private static final EventLoopGroup LOOPS = new MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory());

    private Path folder;
    private Path path;
    private Server server;
    private Client client;

    /** What becomes of a stream. */
    private interface Door {
        void subscribe(SubscribeRequest request, ServerCallStreamObserver<SubscribeResponse> stream);
    }

    @BeforeEach
    void socket() throws IOException {
        folder = Files.createTempDirectory("slj");
        path = folder.resolve("s");
        client = Client.connect("unix:" + path, null, null);
    }

    @AfterEach
    void stop() throws Exception {
        client.close();
        down();
        Files.deleteIfExists(path);
        Files.delete(folder);
    }

    private void down() throws InterruptedException {
        if (server != null) {
            server.shutdownNow().awaitTermination();
        }
    }

    private void listen(Door door) throws IOException {
        Files.deleteIfExists(path);
        server = NettyServerBuilder.forAddress(UnixDomainSocketAddress.of(path), InsecureServerCredentials.create())
                .bossEventLoopGroup(LOOPS).workerEventLoopGroup(LOOPS).channelType(NioServerDomainSocketChannel.class)
                .addService(new SessionServiceGrpc.SessionServiceImplBase() {
                    @Override
                    public void subscribe(SubscribeRequest request, StreamObserver<SubscribeResponse> stream) {
                        door.subscribe(request, (ServerCallStreamObserver<SubscribeResponse>) stream);
                    }
                }).build().start();
    }

    private Subscription follow(String... sessions) {
        return client.subscribe(SubscribeRequest.newBuilder().addAllSessions(List.of(sessions)).build());
    }

    private static RuntimeException refusal(Status.Code code, String reason) {
        ErrorInfo info = ErrorInfo.newBuilder().setReason(reason).setDomain("sightline").putMetadata("session", "id0").build();
        return StatusProto.toStatusRuntimeException(com.google.rpc.Status.newBuilder()
                .setCode(code.value()).setMessage("told so").addDetails(Any.pack(info)).build());
    }

    private static SubscribeResponse header() {
        Place begun = Place.newBuilder().setEpoch(7).build();
        return SubscribeResponse.newBuilder()
                .setHeader(Header.newBuilder().setSession(Session.newBuilder().setId("id")).setPlace(begun).setMoment(5)).build();
    }

    private static SubscribeResponse events(long... seqs) {
        SubscribeResponse.Builder response = SubscribeResponse.newBuilder();
        for (long seq : seqs) {
            response.addEvents(Event.newBuilder().setSessionId("id").setSeq(seq));
        }
        return response.build();
    }

    private static SubscribeResponse end(EndReason reason) {
        return SubscribeResponse.newBuilder().setEnd(End.newBuilder().setReason(reason)).build();
    }

    private static long seqIn(SubscribeRequest request) {
        return request.getResume().getPlacesOrThrow("id").getSeq();
    }

    @Test
    void aStreamThatBreaksInAnyWayIsAskedForWithWhatCameSoFar() throws Exception {
        List<Consumer<ServerCallStreamObserver<SubscribeResponse>>> ways = List.of(
                stream -> stream.onError(Status.UNAVAILABLE.asRuntimeException()),
                stream -> stream.onError(refusal(Status.Code.UNAVAILABLE, "DRAINING")),
                stream -> stream.onError(Status.CANCELLED.asRuntimeException()),
                stream -> stream.onError(Status.INTERNAL.withDescription("Received Rst Stream, or RST_STREAM").asRuntimeException()),
                stream -> stream.onCompleted(),
                stream -> {
                    stream.onNext(end(EndReason.END_REASON_DRAINING));
                    stream.onCompleted();
                });
        AtomicBoolean again = new AtomicBoolean();
        listen((request, stream) -> {
            if (request.getResume().getMoment() == 0) {
                stream.onNext(header());
                stream.onCompleted();
                return;
            } else if (!again.getAndSet(true)) { // the same outage goes on
                stream.onCompleted();
                return;
            }
            int seq = (int) seqIn(request);
            if (seq == ways.size()) {
                stream.onNext(end(EndReason.END_REASON_ALL_ENDED));
                stream.onCompleted();
                return;
            }
            stream.onNext(events(seq + 1));
            ways.get(seq).accept(stream);
        });
        List<Message> shown = new ArrayList<>();
        AtomicInteger outages = new AtomicInteger();
        try (Subscription subscription = follow("name")) {
            subscription.onLost(error -> outages.incrementAndGet());
            subscription.forEach(shown::add);
            assertEquals(EndReason.END_REASON_ALL_ENDED, subscription.end());
        }
        assertTrue(shown.remove(0) instanceof Header);
        assertEquals(events(1, 2, 3, 4, 5, 6).getEventsList(), shown);
        assertEquals(1 + ways.size(), outages.get());
    }

    @Test
    void aSubscriptionGoesOnAtTheServersNextLife() throws Exception {
        listen((request, stream) -> {
            stream.onNext(header());
            stream.onNext(events(1, 2));
        });
        BlockingQueue<SightlineException> lost = new ArrayBlockingQueue<>(1);
        try (Subscription subscription = follow("name")) {
            subscription.onLost(lost::add);
            assertTrue(subscription.next() instanceof Header);
            assertEquals(events(1).getEvents(0), subscription.next());
            assertEquals(events(2).getEvents(0), subscription.next());
            down();
            CompletableFuture<Boolean> waits = CompletableFuture.supplyAsync(subscription::hasNext);
            lost.take();
            listen((request, stream) -> stream.onNext(events(seqIn(request) + 1)));
            assertTrue(waits.get());
            assertEquals(events(3).getEvents(0), subscription.next());
        }
        assertTrue(lost.isEmpty(), "one outage was told twice");
    }

    @Test
    void whatCameAndWasNotTakenIsNotYetBehindTheCursors() throws Exception {
        listen((request, stream) -> {
            stream.onNext(header());
            stream.onNext(events(1, 2));
        });
        try (Subscription subscription = follow("name")) {
            subscription.next();
            subscription.next();
            assertTrue(subscription.hasNext());
            assertEquals(1, subscription.cursors().get(0).getSeq(), "who keeps the cursors now would lose an event");
        }
    }

    @Test
    void otherErrorsEndItWithTheServicesWords() throws Exception {
        listen((request, stream) -> stream.onError(refusal(Status.Code.NOT_FOUND, "SESSION_NOT_FOUND")));
        try (Subscription subscription = follow("id0")) {
            SightlineException said = assertThrows(SightlineException.class, subscription::hasNext);
            assertEquals(Status.Code.NOT_FOUND, said.code());
            assertEquals("SESSION_NOT_FOUND", said.reason());
            assertEquals("id0", said.metadata().get("session"));
            assertEquals("told so", said.getMessage());
            assertEquals(said, assertThrows(SightlineException.class, subscription::next), "it says the same again");
        }
    }

    @Test
    void aServerThatWasNeverReachedEndsIt() {
        try (Subscription subscription = follow("*")) {
            assertEquals("SERVER_NOT_FOUND", assertThrows(SightlineException.class, subscription::hasNext).reason());
        }
    }

    @Test
    void toCloseItLetsGoOfTheServerAtOnceAndEndsAReadThatWaits() throws Exception {
        CountDownLatch gone = new CountDownLatch(1);
        listen((request, stream) -> {
            stream.setOnCancelHandler(gone::countDown);
            stream.onNext(header());
        });
        Subscription subscription = follow("name");
        assertTrue(subscription.next() instanceof Header);
        CompletableFuture<Boolean> waits = CompletableFuture.supplyAsync(subscription::hasNext);
        subscription.close();
        assertTrue(gone.await(30, TimeUnit.SECONDS), "the server still has the stream");
        assertFalse(waits.get());
        assertFalse(subscription.hasNext());
    }

    @Test
    void aClosedClientEndsItsSubscriptions() throws Exception {
        listen((request, stream) -> stream.onNext(header()));
        Subscription subscription = follow("name");
        subscription.next();
        client.close();
        assertEquals(Status.Code.UNAVAILABLE, assertThrows(SightlineException.class, subscription::hasNext).code());
    }

    @Test
    void aDeadlineEndsAPauseToo() throws Exception {
        listen((request, stream) -> stream.onCompleted());
        var clock = Executors.newSingleThreadScheduledExecutor();
        Context.current().withDeadlineAfter(300, TimeUnit.MILLISECONDS, clock).run(() -> {
            try (Subscription subscription = follow("name")) {
                assertEquals(Status.Code.DEADLINE_EXCEEDED, assertThrows(SightlineException.class, subscription::hasNext).code());
            }
        });
        clock.shutdown();
    }

    @Test
    void anInterruptEndsAPauseTooAndIsKept() throws Exception {
        listen((request, stream) -> stream.onCompleted());
        Thread reader = Thread.currentThread();
        try (Subscription subscription = follow("name")) {
            subscription.onLost(error -> reader.interrupt());
            assertEquals(Status.Code.CANCELLED, assertThrows(SightlineException.class, subscription::hasNext).code());
        }
        assertTrue(Thread.interrupted());
    }

    @Test
    void whoReadsSlowlyHoldsTheServerBack() throws Exception {
        Output mebibyte = Output.newBuilder().setData(ByteString.copyFrom(new byte[1 << 20])).build();
        AtomicInteger sent = new AtomicInteger();
        CountDownLatch full = new CountDownLatch(1);
        listen((request, stream) -> {
            stream.onNext(header());
            stream.setOnReadyHandler(() -> {
                while (stream.isReady() && sent.get() < 1000) {
                    Event event = Event.newBuilder().setSessionId("id").setSeq(sent.incrementAndGet()).setOutput(mebibyte).build();
                    stream.onNext(SubscribeResponse.newBuilder().addEvents(event).build());
                }
                full.countDown();
            });
        });
        try (Subscription subscription = follow("name")) {
            assertTrue(subscription.next() instanceof Header);
            full.await();
            for (int seq = 1; seq <= 5; seq++) {
                assertEquals(seq, ((Event) subscription.next()).getSeq());
            }
            assertTrue(sent.get() < 50, sent + " MiB were sent to somebody who read 5");
        }
    }
}
