package dev.sightline;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.Duration;
import com.google.protobuf.Message;
import dev.sightline.Service.Log;
import dev.sightline.v1.CaughtUp;
import dev.sightline.v1.Cursors;
import dev.sightline.v1.EndReason;
import dev.sightline.v1.Event;
import dev.sightline.v1.EventKind;
import dev.sightline.v1.Filter;
import dev.sightline.v1.Gap;
import dev.sightline.v1.GapReason;
import dev.sightline.v1.Header;
import dev.sightline.v1.Heartbeat;
import dev.sightline.v1.Latest;
import dev.sightline.v1.Position;
import dev.sightline.v1.SessionKind;
import dev.sightline.v1.Snapshot;
import dev.sightline.v1.SubscribeRequest;
import dev.sightline.v1.SubscribeResponse;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

class ProgressTest {
    private static final int MOST_CUTS = 16; // more messages than any stream of these tests has

    private static Log first() {
        return new Log("0", 7, 4, 1);
    }

    private static Log second() {
        return new Log("1", 5, 3, 1);
    }

    private static SubscribeRequest.Builder of(String... sessions) {
        return SubscribeRequest.newBuilder().addAllSessions(List.of(sessions));
    }

    private static List<Message> taken(Progress progress) {
        List<Message> items = new ArrayList<>();
        while (progress.ready()) {
            items.add(progress.take());
        }
        return items;
    }

    /** What is shown when the first streams break after so many messages, and the last one does not. */
    private static List<Message> follow(Service service, SubscribeRequest request, EndReason[] end, int... cuts) {
        Progress progress = new Progress(request);
        List<Message> shown = new ArrayList<>();
        for (int life = 0; life <= cuts.length && end[0] == null; life++) {
            SubscribeRequest asked = progress.request();
            if (asked == null) {
                break;
            }
            int[] left = {life < cuts.length ? cuts[life] : Integer.MAX_VALUE};
            service.stream(asked, response -> {
                if (--left[0] < 0) {
                    return false;
                } else if (response.hasEnd()) {
                    end[0] = response.getEnd().getReason();
                    return false;
                }
                progress.receive(response);
                shown.addAll(taken(progress));
                return true;
            });
        }
        return shown;
    }

    private static List<Message> follow(Service service, SubscribeRequest request, int... cuts) {
        return follow(service, request, new EndReason[1], cuts);
    }

    /** With streams that break after each pair of numbers of messages. */
    private static void everyCut(Consumer<int[]> attempt) {
        for (int one = 0; one < MOST_CUTS; one++) {
            for (int other = 0; other < MOST_CUTS; other++) {
                attempt.accept(new int[] {one, other});
            }
        }
    }

    /** Each session has one header, first, and behind it each event from there to the end, and one caught_up. */
    static void assertShownOnce(List<Message> shown, List<Log> logs) {
        Map<String, Long> at = new HashMap<>();
        Set<String> caughtUp = new HashSet<>();
        for (Message item : shown) {
            if (item instanceof Header header) {
                assertNull(at.put(header.getSession().getId(), header.getCursor().getSeq()), "a header came twice");
            } else if (item instanceof Event event) {
                assertEquals(event.getSeq() - 1, at.put(event.getSessionId(), event.getSeq()), "an event is missing, or came twice");
            } else if (item instanceof CaughtUp sign) {
                assertTrue(caughtUp.add(sign.getCursor().getSessionId()), "a caught_up came twice");
            } else {
                assertFalse(item instanceof Heartbeat, "a heartbeat came that nobody asked for");
            }
        }
        logs.forEach(log -> assertEquals(log.length, at.get(log.id), log.id));
    }

    @Test
    void everyEventIsShownOnceFromTheOldestWhateverBreaks() {
        everyCut(cuts -> {
            Service service = new Service(2, first(), second());
            assertShownOnce(follow(service, of("name0", "name1").build(), cuts), service.logs);
        });
    }

    @Test
    void aRelativeStartMeansOneMomentWhateverBreaks() {
        for (SubscribeRequest request : List.of(
                of("name0", "id1").setTail(2).build(), of("*").setLatest(Latest.getDefaultInstance()).build())) {
            everyCut(cuts -> {
                Service service = new Service(2, first(), second());
                List<Message> shown = follow(service, request, cuts);
                assertShownOnce(shown, service.logs);
                boolean fixed = false;
                for (SubscribeRequest asked : service.seen) {
                    assertFalse(fixed && !asked.hasAfter(), "the moment was asked for again after it was fixed");
                    fixed |= asked.hasAfter();
                }
                shown.forEach(item -> assertFalse(
                        item instanceof Header header && header.getCursor().getSeq() == 0, "a session began at its oldest event"));
            });
        }
    }

    @Test
    void untilCaughtUpGivesAllThatWasThereWhateverBreaks() {
        for (String[] sessions : new String[][] {{"name0", "name1"}, {"*"}}) {
            everyCut(cuts -> {
                EndReason[] end = new EndReason[1];
                List<Message> shown = follow(new Service(1, first(), second()), of(sessions).setUntilCaughtUp(true).build(), end, cuts);
                long got = shown.stream().filter(item -> item instanceof Event event && event.getSessionId().equals("id0")).count();
                assertTrue(got >= 4, got + " of 4 events");
                assertTrue(sessions.length > 1 || end[0] == EndReason.END_REASON_CAUGHT_UP, "it does not end");
            });
        }
    }

    @Test
    void aGapIsShownOnceBeforeTheFirstEventBehindIt() {
        everyCut(cuts -> {
            Log log = new Log("", 6, 4, 3);
            SubscribeRequest request = of("name").setAfter(Cursors.newBuilder().addCursors(log.cursor(0))).build();
            List<Long> told = new ArrayList<>();
            for (Message item : follow(new Service(1, log), request, cuts)) {
                if (item instanceof Gap gap) {
                    told.addAll(List.of(gap.getFirstSeq(), gap.getLastSeq()));
                } else if (item instanceof Event event) {
                    told.add(event.getSeq());
                }
            }
            assertEquals(List.of(1L, 2L, 3L, 4L, 5L, 6L), told);
        });
    }

    @Test
    void theCallersCursorsAreGoneOnFrom() {
        everyCut(cuts -> {
            Service service = new Service(1, first(), second());
            Cursors kept = Cursors.newBuilder().addCursors(service.logs.get(0).cursor(3)).build();
            assertShownOnce(follow(service, of("name0", "name1").setAfter(kept).build(), cuts), service.logs);
        });
    }

    @Test
    void whatAFilterHidesIsNotReadAgainAfterAHeartbeat() {
        Log log = first();
        Progress progress = new Progress(
                of("name0").setFilter(Filter.newBuilder().addKinds(EventKind.EVENT_KIND_COMPLETED)).build());
        assertTrue(progress.request().hasHeartbeatInterval(), "only a heartbeat tells how far a stream is that shows nothing");
        progress.receive(log.header(0));
        Heartbeat beat = Heartbeat.newBuilder().addPositions(Position.newBuilder().setCursor(log.cursor(4))).build();
        progress.receive(SubscribeResponse.newBuilder().setHeartbeat(beat).build());
        assertEquals(1, taken(progress).size(), "the heartbeat was shown");
        assertEquals(4, progress.request().getAfter().getCursors(0).getSeq());
        SubscribeRequest beating = of("name0").setHeartbeatInterval(Duration.newBuilder().setSeconds(1)).build();
        assertTrue(follow(new Service(1, first()), beating).stream().anyMatch(Heartbeat.class::isInstance), "one that was asked for is shown");
    }

    @Test
    void aSessionIsFollowedByItsIdAndLeftOutWhenItIsOver() {
        Progress progress = new Progress(of("name0", "name1").build());
        progress.request();
        progress.receive(first().header(0));
        progress.receive(second().header(0));
        taken(progress);
        assertEquals(List.of("id0", "id1"), progress.request().getSessionsList());
        progress.receive(SubscribeResponse.newBuilder().addEvents(first().event(7)).build());
        taken(progress);
        assertEquals(List.of("id1"), progress.request().getSessionsList());
        progress.receive(SubscribeResponse.newBuilder().addEvents(second().event(5)).build());
        taken(progress);
        assertNull(progress.request(), "something is asked for though all is over");
    }

    @Test
    void aScreenThatWasPromisedIsOwedUntilItComesOrEventsDo() {
        Log log = new Log("", 9, 3, 1);
        log.kind = SessionKind.SESSION_KIND_TERMINAL;
        Progress progress = new Progress(of("name").setSnapshot(true).build());
        progress.request();
        progress.receive(log.header(3));
        taken(progress);
        assertTrue(progress.places.get("id").owed);
        assertFalse(progress.request().getSnapshot(), "it is asked for alone, not of the stream again");
        progress.receive(SubscribeResponse.newBuilder().setSnapshot(Snapshot.newBuilder().setSessionId("id").setAsOfSeq(4)).build());
        taken(progress);
        assertFalse(progress.places.get("id").owed);
        assertEquals(4, progress.cursors().get(0).getSeq(), "events up to the screen are on it");
        Gap gap = Gap.newBuilder().setSessionId("id").setFirstSeq(5).setLastSeq(6).setReason(GapReason.GAP_REASON_SLOW).build();
        progress.receive(SubscribeResponse.newBuilder().setGap(gap).build());
        taken(progress);
        assertTrue(progress.places.get("id").owed, "the screen behind a gap of a slow reader is promised");
        progress.receive(SubscribeResponse.newBuilder().addEvents(log.event(7)).build());
        taken(progress);
        assertFalse(progress.places.get("id").owed, "events that come follow a screen that was not to be had");
    }

    @Test
    void aLookAtWhatIsNextMovesNoCursor() {
        Progress progress = new Progress(of("name0").build());
        progress.request();
        progress.receive(first().header(0));
        taken(progress);
        progress.receive(SubscribeResponse.newBuilder().addEvents(first().event(1)).build());
        assertTrue(progress.ready());
        assertEquals(0, progress.cursors().get(0).getSeq(), "who keeps the cursors now would lose an event");
        progress.take();
        assertEquals(1, progress.cursors().get(0).getSeq());
    }

    @Test
    void whatIsNotKnownIsNoError() {
        Progress progress = new Progress(of("name0").build());
        progress.request();
        progress.receive(first().header(0));
        progress.receive(SubscribeResponse.getDefaultInstance());
        Event unknown = Event.newBuilder().setSessionId("id0").setSeq(1).build();
        progress.receive(SubscribeResponse.newBuilder().addEvents(unknown).build());
        assertEquals(unknown, taken(progress).get(1), "an event of an unknown kind is handed over as it is");
        assertEquals(1, progress.cursors().get(0).getSeq());
    }
}
