package dev.sightline;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import com.google.protobuf.Duration;
import com.google.protobuf.Message;
import dev.sightline.v1.CaughtUp;
import dev.sightline.v1.Completed;
import dev.sightline.v1.Cursor;
import dev.sightline.v1.Cursors;
import dev.sightline.v1.Event;
import dev.sightline.v1.EventKind;
import dev.sightline.v1.Filter;
import dev.sightline.v1.Gap;
import dev.sightline.v1.Header;
import dev.sightline.v1.Heartbeat;
import dev.sightline.v1.Place;
import dev.sightline.v1.Position;
import dev.sightline.v1.Resume;
import dev.sightline.v1.Session;
import dev.sightline.v1.Snapshot;
import dev.sightline.v1.SubscribeRequest;
import dev.sightline.v1.SubscribeResponse;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** What comes is taken into what is asked next. What the server makes of it is the server's, and tried with a real one. */
class ProgressTest {
    private static final Place BEGUN = Place.newBuilder().setEpoch(7).setSeq(4).setAskedAs("name").setSnapshotDue(true).build();
    private static final SubscribeRequest ASKED = SubscribeRequest.newBuilder().addSessions("name").setTail(3).build();
    private static final Heartbeat BEAT = Heartbeat.newBuilder().setMoment(6).addPositions(Position.newBuilder().setCursor(cursor("id", 9))).build();

    private static Cursor cursor(String session, long seq) {
        return Cursor.newBuilder().setSessionId(session).setEpoch(7).setSeq(seq).build();
    }

    private static Header header(String session, Place place) {
        return Header.newBuilder().setMoment(5).setSession(Session.newBuilder().setId(session)).setPlace(place).build();
    }

    private static Progress begun(SubscribeRequest request) {
        Progress progress = new Progress(request);
        progress.advance(header("id", BEGUN));
        return progress;
    }

    private static Place place(Progress progress) {
        return progress.request().getResume().getPlacesOrThrow("id");
    }

    private static SubscribeResponse beat() {
        return SubscribeResponse.newBuilder().setHeartbeat(BEAT).build();
    }

    @Test
    void whatComesMovesItsSessionsPlaceAndNothingElse() {
        Event.Builder event = Event.newBuilder().setSessionId("id").setSeq(5);
        Snapshot.Builder screen = Snapshot.newBuilder().setSessionId("id");
        Gap.Builder gap = Gap.newBuilder().setSessionId("id").setFirstSeq(5).setLastSeq(8);
        Map<Message, Place.Builder> table = new LinkedHashMap<>();
        table.put(event.build(), BEGUN.toBuilder().setSeq(5).setSnapshotDue(false));
        table.put(event.setCompleted(Completed.getDefaultInstance()).build(), BEGUN.toBuilder().setSeq(5).setSnapshotDue(false).setCompleted(true));
        table.put(screen.setAsOfSeq(6).build(), BEGUN.toBuilder().setSeq(6).setSnapshotDue(false));
        table.put(screen.setAsOfSeq(3).build(), BEGUN.toBuilder().setSnapshotDue(false));
        table.put(gap.build(), BEGUN.toBuilder().setSeq(8).setSnapshotDue(false));
        table.put(gap.setSnapshotDue(true).build(), BEGUN.toBuilder().setSeq(8));
        table.put(CaughtUp.newBuilder().setCursor(cursor("id", 4)).build(), BEGUN.toBuilder().setCaughtUp(true));
        table.put(CaughtUp.newBuilder().setCursor(cursor("id", 7)).build(), BEGUN.toBuilder().setSeq(7).setCaughtUp(true));
        table.put(BEAT, BEGUN.toBuilder().setSeq(9));
        table.forEach((item, expected) -> {
            Progress progress = begun(ASKED);
            progress.advance(header("another", BEGUN));
            progress.advance(item);
            Resume resume = Resume.newBuilder().setMoment(5).putPlaces("another", BEGUN).putPlaces("id", expected.build()).build();
            assertEquals(ASKED.toBuilder().setResume(resume).build(), progress.request(), item::toString);
        });
    }

    @Test
    void theMomentIsThatOfWhatCameFirst() {
        Progress progress = new Progress(ASKED);
        assertEquals(0, progress.request().getResume().getMoment());
        progress.advance(Heartbeat.newBuilder().setMoment(6).build());
        progress.advance(header("id", BEGUN));
        assertEquals(6, progress.request().getResume().getMoment());
    }

    @Test
    void aPlaceMovesOnFromOneAskingToTheNext() {
        Progress progress = begun(ASKED);
        for (long seq = 5; seq < 8; seq++) {
            progress.advance(Event.newBuilder().setSessionId("id").setSeq(seq).build());
            assertEquals(seq, place(progress).getSeq());
        }
    }

    @Test
    void aHeartbeatThatNobodyAskedForMovesThePlaceAndIsNotShown() {
        Filter filter = Filter.newBuilder().addKinds(EventKind.EVENT_KIND_COMPLETED).build();
        for (SubscribeRequest request : List.of(
                ASKED.toBuilder().setFilter(filter).build(), SubscribeRequest.newBuilder().addSessions("*").build())) {
            Progress progress = begun(request);
            assertEquals(15, progress.request().getHeartbeatInterval().getSeconds());
            assertEquals(List.of(), progress.items(beat()));
            assertEquals(9, place(progress).getSeq());
        }
        assertFalse(new Progress(ASKED).request().hasHeartbeatInterval(), "events alone tell how far it is");
    }

    @Test
    void aHeartbeatThatWasAskedForIsShownAndItsPauseIsTheCallers() {
        Duration second = Duration.newBuilder().setSeconds(1).build();
        Progress progress = begun(SubscribeRequest.newBuilder().addSessions("*").setHeartbeatInterval(second).build());
        assertEquals(second, progress.request().getHeartbeatInterval());
        assertEquals(List.of(BEAT), progress.items(beat()));
        assertEquals(4, place(progress).getSeq(), "it moved before it was shown");
    }

    @Test
    void cursorsForAnotherProcessAreThePlacesAndTheCallersOwnBeforeAHeader() {
        Cursors kept = Cursors.newBuilder().addCursors(cursor("id", 1)).addCursors(cursor("late", 2)).build();
        Progress progress = begun(SubscribeRequest.newBuilder().addSessions("*").setAfter(kept).build());
        assertEquals(List.of(cursor("late", 2), cursor("id", 4)), progress.cursors());
    }

    @Test
    void whatIsNotKnownIsNoError() {
        Progress progress = begun(ASKED);
        assertEquals(List.of(), progress.items(SubscribeResponse.getDefaultInstance()), "a sign of a newer contract");
        Event unknown = Event.newBuilder().setSessionId("id").setSeq(5).build();
        assertEquals(List.of(unknown), progress.items(SubscribeResponse.newBuilder().addEvents(unknown).build()));
        progress.advance(unknown);
        assertEquals(5, place(progress).getSeq());
    }
}
