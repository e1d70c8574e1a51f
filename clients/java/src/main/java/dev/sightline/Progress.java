package dev.sightline;

import com.google.protobuf.Duration;
import com.google.protobuf.Message;
import dev.sightline.v1.CaughtUp;
import dev.sightline.v1.Cursor;
import dev.sightline.v1.Event;
import dev.sightline.v1.Gap;
import dev.sightline.v1.Header;
import dev.sightline.v1.Heartbeat;
import dev.sightline.v1.Place;
import dev.sightline.v1.Resume;
import dev.sightline.v1.Snapshot;
import dev.sightline.v1.SubscribeRequest;
import dev.sightline.v1.SubscribeResponse;
import java.util.List;
import java.util.stream.Stream;

/**
 * How far a subscription is, and what to ask after a break: no I/O, no clock. {@code advance} takes what was shown into the places of
 * {@code Resume}, and {@code request} is the same as at first, with them. All else the server knows.
 */
final class Progress {
    private static final Duration POSITION_INTERVAL = Duration.newBuilder().setSeconds(15).build();

    private final SubscribeRequest.Builder asked;
    private final Resume.Builder resume; // that of the request
    private final boolean showsHeartbeats;

    Progress(SubscribeRequest request) {
        asked = request.toBuilder();
        resume = asked.getResumeBuilder();
        showsHeartbeats = request.hasHeartbeatInterval();
        if (!showsHeartbeats && (request.hasFilter() || request.getSessionsList().contains("*"))) {
            // Only they move the position over what a filter hides, and say that a stream without sessions has begun.
            asked.setHeartbeatInterval(POSITION_INTERVAL);
        }
    }

    SubscribeRequest request() { return asked.build(); }

    List<Cursor> cursors() {
        var given = asked.getAfter().getCursorsList().stream().filter(cursor -> !resume.containsPlaces(cursor.getSessionId()));
        var known = resume.getPlacesMap().entrySet().stream().map(place -> Cursor.newBuilder().setSessionId(place.getKey())
                .setEpoch(place.getValue().getEpoch()).setSeq(place.getValue().getSeq()).build());
        return Stream.concat(given, known).toList();
    }

    /** What is to be shown of a response; nothing for a sign of a newer contract. */
    List<? extends Message> items(SubscribeResponse response) {
        return switch (response.getSignCase()) {
            case HEADER -> List.of(response.getHeader());
            case SNAPSHOT -> List.of(response.getSnapshot());
            case CAUGHT_UP -> List.of(response.getCaughtUp());
            case GAP -> List.of(response.getGap());
            case HEARTBEAT -> {
                if (showsHeartbeats) {
                    yield List.of(response.getHeartbeat());
                }
                advance(response.getHeartbeat());
                yield List.of();
            }
            default -> response.getEventsList();
        };
    }

    /** The item was shown: its session's place moves over it. */
    void advance(Message item) {
        if (item instanceof Event event) {
            Place.Builder place = move(event.getSessionId(), event.getSeq()).setSnapshotDue(false);
            place.setCompleted(place.getCompleted() || event.hasCompleted());
        } else if (item instanceof Header header) {
            began(header.getMoment());
            resume.putPlaces(header.getSession().getId(), header.getPlace());
        } else if (item instanceof Snapshot screen) {
            move(screen.getSessionId(), screen.getAsOfSeq()).setSnapshotDue(false);
        } else if (item instanceof Gap gap) { // also one of some kinds: nothing of its range follows
            move(gap.getSessionId(), gap.getLastSeq()).setSnapshotDue(gap.getSnapshotDue());
        } else if (item instanceof CaughtUp sign) {
            move(sign.getCursor().getSessionId(), sign.getCursor().getSeq()).setCaughtUp(true);
        } else if (item instanceof Heartbeat beat) {
            began(beat.getMoment());
            beat.getPositionsList().forEach(position -> move(position.getCursor().getSessionId(), position.getCursor().getSeq()));
        }
    }

    private void began(long moment) {
        resume.setMoment(resume.getMoment() == 0 ? moment : resume.getMoment());
    }

    private Place.Builder move(String session, long seq) {
        // Without a header there is none, and nothing is kept.
        Place.Builder place = resume.containsPlaces(session) ? resume.putPlacesBuilderIfAbsent(session) : Place.newBuilder();
        return place.setSeq(Math.max(place.getSeq(), seq));
    }
}
