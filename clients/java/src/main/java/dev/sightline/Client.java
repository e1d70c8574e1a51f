package dev.sightline;

import com.google.rpc.ErrorInfo;
import dev.sightline.v1.SessionServiceGrpc;
import dev.sightline.v1.SessionServiceGrpc.SessionServiceBlockingStub;
import dev.sightline.v1.SubscribeRequest;
import io.grpc.Channel;
import io.grpc.ChannelCredentials;
import io.grpc.ConnectivityState;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.TlsChannelCredentials;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.netty.shaded.io.netty.channel.ChannelOption;
import io.grpc.netty.shaded.io.netty.channel.EventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.MultiThreadIoEventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.nio.NioIoHandler;
import io.grpc.netty.shaded.io.netty.channel.socket.nio.NioDomainSocketChannel;
import io.grpc.netty.shaded.io.netty.util.concurrent.DefaultThreadFactory;
import io.grpc.stub.MetadataUtils;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;

/** One server, for any number of threads. Connects when it is first used. */
public final class Client implements AutoCloseable {
    static final long FIRST_PAUSE = 100; // ms, before the first try to connect or to resume again; each further one is twice as long, up to
    static final long MAX_PAUSE = 1000;
    private static final double JITTER = 0.2; // of a pause, so that a thousand clients do not come back at once
    private static final int MAX_RECEIVE = 16 << 20; // bytes: room above the contract's 2 MiB a response
    private static final EventLoopGroup SOCKETS = // of the JDK, which are there on each system; daemons
            new MultiThreadIoEventLoopGroup(0, new DefaultThreadFactory("sightline", true), NioIoHandler.newFactory());

    private final boolean here;
    private final ManagedChannel connection;
    private volatile boolean reached; // the server has answered

    private Client(Target target) throws IOException {
        here = target.here();
        ChannelCredentials wire = InsecureChannelCredentials.create();
        if (target.tls()) {
            var trust = TlsChannelCredentials.newBuilder();
            wire = (target.ca() == null ? trust : trust.trustManager(target.ca().toFile())).build();
        }
        var builder = target.unix()
                ? NettyChannelBuilder.forAddress(UnixDomainSocketAddress.of(target.address()), wire).overrideAuthority("localhost")
                        .eventLoopGroup(SOCKETS).channelType(NioDomainSocketChannel.class)
                        .withOption(ChannelOption.SO_KEEPALIVE, null) // which such a socket does not know, and says so on stderr
                : NettyChannelBuilder.forTarget("dns:///" + target.address(), wire).keepAliveTime(30, TimeUnit.SECONDS)
                        .keepAliveTimeout(10, TimeUnit.SECONDS);
        Metadata carried = new Metadata();
        if (!target.token().isEmpty()) {
            carried.put(Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER), "Bearer " + target.token());
        }
        connection = builder.maxInboundMessageSize(MAX_RECEIVE).proxyDetector(address -> null)
                .intercept(MetadataUtils.newAttachHeadersInterceptor(carried)).build();
        knock(FIRST_PAUSE);
    }

    /** A client of the server that the environment names: SIGHTLINE_TARGET, else the socket in SIGHTLINE_HOME, else in ~/.local/state/sightline. */
    public static Client connect() throws IOException { return connect(null, null, null); }

    /**
     * A client of a server.
     *
     * @param target unix:PATH, host:port, or https://host:port for TLS; null: from the environment
     * @param token for TCP; null: what is in the file SIGHTLINE_TOKEN_FILE, else in {@code token} in the home, if it can be read
     * @param ca turns TLS on: a PEM file of the authority of the server's certificate; null: SIGHTLINE_TLS_CA, else the system's
     * @throws IllegalArgumentException when the target is none of these forms, or another machine without TLS
     * @throws IOException when a file that was named cannot be read
     */
    public static Client connect(String target, String token, Path ca) throws IOException {
        return new Client(Target.find(target, token, ca, System.getenv()));
    }

    /** Calls once: {@code client.call(server -> server.get(request))}; a deadline is the stub's. Throws {@link SightlineException}. */
    public <T> T call(Function<SessionServiceBlockingStub, T> what) {
        try {
            T answer = what.apply(SessionServiceGrpc.newBlockingStub(connection));
            answered();
            return answer;
        } catch (StatusRuntimeException error) {
            throw judge(error);
        }
    }

    /** Follows sessions until they are over, until {@link Subscription#close}, or until the current {@link io.grpc.Context} is done. */
    public Subscription subscribe(SubscribeRequest request) { return new Subscription(this, request); }

    /** For stubs of your own, which throw gRPC's exceptions; the token is in it. */
    public Channel channel() { return connection; }

    /** Ends what is under way. */
    @Override public void close() { connection.shutdownNow(); }

    boolean closed() { return connection.isShutdown(); }

    void answered() { reached = true; }

    SightlineException judge(StatusRuntimeException error) {
        SightlineException said = SightlineException.of(error);
        if (said.code() != Status.Code.UNAVAILABLE || !said.reason().isEmpty() || reached) {
            return said;
        }
        String why = error.getCause() == null ? said.getMessage() : error.getCause().getMessage();
        return new SightlineException(said.code(), ErrorInfo.newBuilder().setReason("SERVER_NOT_FOUND").build(),
                "no Sightline server answers: start one with `sightline serve`, or set SIGHTLINE_TARGET: " + why, error);
    }

    /** Tries to connect again after a pause: gRPC's own pauses begin at 1 s, cannot be set, and can only be ended. */
    private void knock(long pause) {
        ConnectivityState state = connection.getState(false);
        if (state == ConnectivityState.TRANSIENT_FAILURE) {
            CompletableFuture.delayedExecutor(jittered(pause), TimeUnit.MILLISECONDS).execute(() -> {
                connection.resetConnectBackoff();
                knock(here ? FIRST_PAUSE : Math.min(2 * pause, MAX_PAUSE)); // here it costs nothing
            });
        } else if (state != ConnectivityState.SHUTDOWN) {
            connection.notifyWhenStateChanged(state, () -> knock(FIRST_PAUSE));
        }
    }

    static long jittered(long pause) {
        return Math.round(pause * ThreadLocalRandom.current().nextDouble(1 - JITTER, 1 + JITTER));
    }
}
