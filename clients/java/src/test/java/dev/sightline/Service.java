package dev.sightline;

import com.google.protobuf.ByteString;
import dev.sightline.v1.CaughtUp;
import dev.sightline.v1.Completed;
import dev.sightline.v1.Cursor;
import dev.sightline.v1.End;
import dev.sightline.v1.EndReason;
import dev.sightline.v1.Event;
import dev.sightline.v1.Gap;
import dev.sightline.v1.GapReason;
import dev.sightline.v1.Header;
import dev.sightline.v1.Heartbeat;
import dev.sightline.v1.Output;
import dev.sightline.v1.Position;
import dev.sightline.v1.Session;
import dev.sightline.v1.SessionKind;
import dev.sightline.v1.SubscribeRequest;
import dev.sightline.v1.SubscribeResponse;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;

/**
 * Subscribe as the contract has it, over logs whose events all exist and become visible bit by bit. The world goes on, by two events a
 * session, whenever a stream has nothing left to send, and between streams.
 */
final class Service {
    static final long EPOCH = 7;

    final List<Log> logs;
    final List<SubscribeRequest> seen = new ArrayList<>();
    private final int batch; // events of a response at most

    Service(int batch, Log... logs) {
        this.batch = batch;
        this.logs = List.of(logs);
    }

    /** One session; the last event is {@code completed}. */
    static final class Log {
        final String id;
        final String name;
        final long length;
        final long oldest;
        SessionKind kind = SessionKind.SESSION_KIND_COMMAND;
        long head;

        Log(String number, long length, long head, long oldest) {
            id = "id" + number;
            name = "name" + number;
            this.length = length;
            this.head = head;
            this.oldest = oldest;
        }

        Event event(long seq) {
            Event.Builder event = Event.newBuilder().setSessionId(id).setSeq(seq);
            if (seq == length) {
                return event.setCompleted(Completed.getDefaultInstance()).build();
            }
            return event.setOutput(Output.newBuilder().setData(ByteString.copyFrom(new byte[] {(byte) seq}))).build();
        }

        Cursor cursor(long seq) {
            return Cursor.newBuilder().setSessionId(id).setEpoch(EPOCH).setSeq(seq).build();
        }

        SubscribeResponse header(long seq) {
            Session session = Session.newBuilder().setId(id).setName(name).setEpoch(EPOCH).setHeadSeq(head).setKind(kind).build();
            return SubscribeResponse.newBuilder().setHeader(Header.newBuilder().setSession(session).setCursor(cursor(seq))).build();
        }
    }

    static SubscribeResponse end(EndReason reason) {
        return SubscribeResponse.newBuilder().setEnd(End.newBuilder().setReason(reason)).build();
    }

    private boolean grow() {
        boolean grew = false;
        for (Log log : logs) {
            grew |= log.head < log.length;
            log.head = Math.min(log.length, log.head + 2);
        }
        return grew;
    }

    private static long start(SubscribeRequest request, Log log) {
        switch (request.getStartCase()) {
            case LATEST:
                return log.head;
            case TAIL:
                return Math.max(log.oldest - 1, log.head - request.getTail());
            default:
                for (Cursor cursor : request.getAfter().getCursorsList()) {
                    if (cursor.getSessionId().equals(log.id)) {
                        if (cursor.getEpoch() != EPOCH || cursor.getSeq() > log.head) {
                            throw new AssertionError("a cursor that no stream has given: " + cursor);
                        }
                        return cursor.getSeq();
                    }
                }
                return log.oldest - 1;
        }
    }

    /** Sends until {@code give} says false: the stream broke. */
    void stream(SubscribeRequest request, Predicate<SubscribeResponse> give) {
        if (!seen.isEmpty()) {
            grow();
        }
        seen.add(request);
        boolean all = request.getSessionsList().contains("*");
        Map<Log, Long> places = new LinkedHashMap<>();
        Map<Log, Long> targets = new LinkedHashMap<>();
        for (Log log : logs) {
            if (all || request.getSessionsList().contains(log.id) || request.getSessionsList().contains(log.name)) {
                places.put(log, start(request, log));
                targets.put(log, log.head);
                if (!give.test(log.header(places.get(log)))) {
                    return;
                }
            }
        }
        while (true) {
            for (Log log : places.keySet()) {
                if (!advance(request, log, places, targets, give)) {
                    return;
                }
            }
            if (request.getUntilCaughtUp() && targets.isEmpty()) {
                give.test(end(EndReason.END_REASON_CAUGHT_UP));
                return;
            } else if (!all && places.entrySet().stream().allMatch(at -> at.getValue() >= at.getKey().length)) {
                give.test(end(EndReason.END_REASON_ALL_ENDED));
                return;
            }
            if (request.hasHeartbeatInterval()) {
                Heartbeat.Builder beat = Heartbeat.newBuilder();
                places.forEach((log, seq) -> beat.addPositions(Position.newBuilder().setCursor(log.cursor(seq))));
                if (!give.test(SubscribeResponse.newBuilder().setHeartbeat(beat).build())) {
                    return;
                }
            }
            if (!grow()) {
                return;
            }
        }
    }

    private boolean advance(
            SubscribeRequest request, Log log, Map<Log, Long> places, Map<Log, Long> targets, Predicate<SubscribeResponse> give) {
        long at = places.get(log);
        if (at < log.oldest - 1) {
            Gap gap = Gap.newBuilder().setSessionId(log.id).setFirstSeq(at + 1).setLastSeq(log.oldest - 1)
                    .setReason(GapReason.GAP_REASON_RETENTION).build();
            at = gap.getLastSeq();
            if (!give.test(SubscribeResponse.newBuilder().setGap(gap).build())) {
                return false;
            }
        }
        while (at < log.head) {
            SubscribeResponse.Builder response = SubscribeResponse.newBuilder();
            for (long to = Math.min(log.head, at + batch); at < to; ) {
                Event event = log.event(++at);
                if (!request.hasFilter() || event.hasCompleted()) {
                    response.addEvents(event);
                }
            }
            if (response.getEventsCount() > 0 && !give.test(response.build())) {
                return false;
            }
        }
        places.put(log, at);
        if (targets.containsKey(log) && at >= targets.get(log)) {
            targets.remove(log);
            return give.test(SubscribeResponse.newBuilder().setCaughtUp(CaughtUp.newBuilder().setCursor(log.cursor(at))).build());
        }
        return true;
    }
}
