package dev.sightline.harness;

import com.google.gson.Gson;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.util.JsonFormat;
import dev.sightline.Client;
import dev.sightline.SightlineException;
import dev.sightline.Subscription;
import dev.sightline.v1.Event;
import dev.sightline.v1.SessionServiceGrpc;
import dev.sightline.v1.SubscribeRequest;
import io.grpc.Context;
import io.grpc.MethodDescriptor;
import io.grpc.MethodDescriptor.PrototypeMarshaller;
import io.grpc.stub.ClientCalls;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/** Puts the Java client on trial: orders in, what it saw out, one JSON object a line. See tests/conformance/clients/README.md. */
public final class Harness {
    private static final PrintStream OUT = new PrintStream(System.out, false, StandardCharsets.UTF_8);
    private static final Gson GSON = new Gson();
    private static final JsonFormat.Printer PRINTER = JsonFormat.printer().omittingInsignificantWhitespace();

    private final ExecutorService working = Executors.newCachedThreadPool();
    private final ScheduledExecutorService clock = Executors.newSingleThreadScheduledExecutor();
    private final Map<Integer, Subscription> subscriptions = new ConcurrentHashMap<>();
    private final Set<Integer> cancelled = ConcurrentHashMap.newKeySet();
    private Client client;

    public static void main(String[] args) throws IOException {
        Harness harness = new Harness();
        BufferedReader orders = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = orders.readLine(); line != null; line = orders.readLine()) {
            harness.take(JsonParser.parseString(line).getAsJsonObject());
        }
        harness.close();
    }

    private void close() {
        subscriptions.values().forEach(Subscription::close);
        if (client != null) {
            client.close();
        }
        working.shutdown();
        clock.shutdownNow();
    }

    private void take(JsonObject order) throws IOException {
        switch (order.get("do").getAsString()) {
            case "connect" -> {
                if (client != null) {
                    client.close();
                }
                String token = text(order, "token"); // without one, not with that of whoever runs the trial
                String ca = text(order, "ca");
                client = Client.connect(text(order, "target"), token, ca.isEmpty() ? null : Path.of(ca));
                say(Map.of("connected", true));
            }
            case "call" -> {
                Client asked = client;
                working.execute(() -> call(asked, order));
            }
            case "subscribe" -> subscribe(order);
            case "cancel" -> {
                int id = order.get("id").getAsInt();
                cancelled.add(id);
                subscriptions.get(id).close();
            }
            default -> throw new IllegalArgumentException("no such order: " + order);
        }
    }

    private void call(Client asked, JsonObject order) {
        int id = order.get("id").getAsInt();
        try {
            MethodDescriptor<Message, Message> method = method(order.get("method").getAsString());
            Message request = read(order.get("request"), ((PrototypeMarshaller<Message>) method.getRequestMarshaller()).getMessagePrototype());
            Message response = asked.call(server -> {
                var timed = order.has("timeout") ? server.withDeadlineAfter(millis(order), TimeUnit.MILLISECONDS) : server;
                return ClientCalls.blockingUnaryCall(timed.getChannel(), method, timed.getCallOptions(), request);
            });
            say(Map.of("id", id, "response", written(response)));
        } catch (SightlineException error) {
            say(Map.of("id", id, "error", told(error)));
        }
    }

    @SuppressWarnings("unchecked")
    private static MethodDescriptor<Message, Message> method(String name) {
        return (MethodDescriptor<Message, Message>) SessionServiceGrpc.getServiceDescriptor().getMethods().stream()
                .filter(method -> name.equals(method.getBareMethodName())).findFirst().orElseThrow();
    }

    private void subscribe(JsonObject order) {
        SubscribeRequest request = (SubscribeRequest) read(order.get("request"), SubscribeRequest.getDefaultInstance());
        Context context = order.has("timeout")
                ? Context.current().withDeadlineAfter(millis(order), TimeUnit.MILLISECONDS, clock)
                : Context.current();
        context.run(() -> {
            Subscription subscription = client.subscribe(request);
            subscriptions.put(order.get("id").getAsInt(), subscription);
            working.execute(() -> follow(subscription, order));
        });
    }

    private void follow(Subscription subscription, JsonObject order) {
        int id = order.get("id").getAsInt();
        long began = System.nanoTime();
        Map<String, Object> last = new TreeMap<>(Map.of("id", id));
        try (subscription) {
            subscription.onLost(error -> say(Map.of("id", id, "lost", error.getMessage())));
            if (order.has("quiet") && order.get("quiet").getAsBoolean()) {
                count(subscription, last);
            } else {
                subscription.forEachRemaining(item -> say(Map.of("id", id, nameOf(item), written(item))));
            }
            last.put("end", subscription.end().name());
            last.put("seconds", (System.nanoTime() - began) / 1e9);
        } catch (SightlineException error) {
            last.put("error", told(error));
        } catch (IOException impossible) {
            throw new UncheckedIOException(impossible); // nothing is written
        }
        say(cancelled.contains(id) ? Map.of("id", id, "cancelled", true) : last);
    }

    private static void count(Subscription subscription, Map<String, Object> totals) throws IOException {
        long events = 0;
        long bytes = 0;
        MessageDigest digest = sha256();
        OutputStream hashed = new DigestOutputStream(OutputStream.nullOutputStream(), digest);
        for (Message item : subscription) {
            if (item instanceof Event event) {
                events++;
                bytes += event.getOutput().getData().size();
                event.getOutput().getData().writeTo(hashed); // as it lies, without a copy
            }
        }
        totals.put("events", events);
        totals.put("bytes", bytes);
        totals.put("sha256", HexFormat.of().formatHex(digest.digest()));
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException impossible) {
            throw new AssertionError(impossible); // each JDK has it
        }
    }

    private static Map<String, Object> told(SightlineException error) {
        return Map.of("code", error.code().name(), "reason", error.reason(), "message", error.getMessage(), "metadata", error.metadata());
    }

    /** The item's name on the wire, such as caughtUp. */
    private static String nameOf(Message item) {
        String name = item.getDescriptorForType().getName();
        return Character.toLowerCase(name.charAt(0)) + name.substring(1);
    }

    private static Message read(JsonElement json, Message kind) {
        try {
            Message.Builder builder = kind.newBuilderForType();
            JsonFormat.parser().merge(json.toString(), builder);
            return builder.build();
        } catch (InvalidProtocolBufferException error) {
            throw new IllegalArgumentException(error);
        }
    }

    private static JsonElement written(Message message) {
        try {
            return JsonParser.parseString(PRINTER.print(message));
        } catch (InvalidProtocolBufferException error) {
            throw new IllegalArgumentException(error);
        }
    }

    private static long millis(JsonObject order) {
        return Math.round(order.get("timeout").getAsDouble() * 1000);
    }

    private static String text(JsonObject order, String name) {
        return order.has(name) ? order.get(name).getAsString() : "";
    }

    private static synchronized void say(Map<String, Object> line) {
        OUT.println(GSON.toJson(line));
        OUT.flush();
    }
}
