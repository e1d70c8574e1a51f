package dev.sightline;

import com.google.protobuf.Duration;
import com.google.protobuf.Message;
import dev.sightline.v1.CaughtUp;
import dev.sightline.v1.Cursor;
import dev.sightline.v1.Cursors;
import dev.sightline.v1.Event;
import dev.sightline.v1.Gap;
import dev.sightline.v1.GapReason;
import dev.sightline.v1.Header;
import dev.sightline.v1.Heartbeat;
import dev.sightline.v1.Session;
import dev.sightline.v1.SessionKind;
import dev.sightline.v1.Snapshot;
import dev.sightline.v1.SubscribeRequest;
import dev.sightline.v1.SubscribeRequest.StartCase;
import dev.sightline.v1.SubscribeResponse;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * How far a subscription is, and what to ask after a break: no I/O, no clock. {@code receive} takes what the server sent; while there is an
 * item {@code ready}, {@code take} gives it and moves the cursors over it; {@code request} comes when none is left. Together: each event is
 * shown once, whatever breaks, wherever.
 */
final class Progress {
    private static final Set<SessionKind> SCREENS =
            EnumSet.of(SessionKind.SESSION_KIND_TERMINAL, SessionKind.SESSION_KIND_TMUX, SessionKind.SESSION_KIND_SCREEN);

    final SubscribeRequest given; // by the caller
    final boolean all;
    private final List<String> sessions = new ArrayList<>(); // that are asked of the server
    private boolean asked;
    private boolean opening; // the start is a moment, which the headers fix, and they are not complete: nothing is shown yet
    private final Deque<Message> items = new ArrayDeque<>();
    final Map<String, Place> places = new LinkedHashMap<>(); // by the id of the session

    /** How far one session is; a screen that is owed was promised and has not come. */
    static final class Place {
        final long epoch;
        long seq;
        boolean headed, caughtUp, screen, owed;

        Place(long epoch) { this.epoch = epoch; }
    }

    Progress(SubscribeRequest given) {
        this.given = given;
        all = given.getSessionsList().contains("*");
    }

    /** What to ask the server now; null: nothing is left to come. */
    SubscribeRequest request() {
        SubscribeRequest.Builder request = given.toBuilder();
        if (!given.hasHeartbeatInterval() && (all || given.hasFilter())) { // only they move the position over what is hidden
            request.setHeartbeatInterval(Duration.newBuilder().setSeconds(15));
        }
        if (!asked || opening || given.getStartCase() == StartCase.START_NOT_SET && places.isEmpty()) { // as at first
            asked = true;
            opening = given.getSnapshot() || !EnumSet.of(StartCase.START_NOT_SET, StartCase.AFTER).contains(given.getStartCase());
            sessions.clear();
            sessions.addAll(given.getSessionsList());
            items.clear();
            places.clear();
            given.getAfter().getCursorsList().forEach(this::move);
            return request.build();
        }
        request.clearSessions().addAllSessions(sessions).setSnapshot(false).setAfter(Cursors.newBuilder().addAllCursors(cursors()));
        return sessions.isEmpty() ? null : request.build();
    }

    List<Cursor> cursors() {
        return places.entrySet().stream().map(known -> Cursor.newBuilder().setSessionId(known.getKey())
                .setEpoch(known.getValue().epoch).setSeq(known.getValue().seq).build()).toList();
    }

    /** Takes what came into the items that are to be shown. */
    void receive(SubscribeResponse response) {
        items.addAll(response.getEventsList());
        switch (response.getSignCase()) {
            case HEADER -> head(response.getHeader());
            case SNAPSHOT -> items.add(response.getSnapshot());
            case CAUGHT_UP -> items.add(response.getCaughtUp());
            case GAP -> items.add(response.getGap());
            case HEARTBEAT -> items.add(response.getHeartbeat());
            default -> { } // none, or one of a newer contract
        }
        opening = opening && response.hasHeader() && !sessions.stream().allMatch(this::headed);
    }

    private boolean headed(String session) {
        return places.containsKey(session) && places.get(session).headed;
    }

    private void head(Header header) {
        Session session = header.getSession();
        if (headed(session.getId())) {
            return; // it was shown before a break
        }
        items.add(header);
        // A caller's cursor stays: behind it may be a gap whose sign has not come.
        Place here = places.containsKey(session.getId()) ? places.get(session.getId()) : move(header.getCursor());
        here.headed = true;
        here.screen = SCREENS.contains(session.getKind()) && !session.hasEndTime();
        here.owed = here.screen && given.getSnapshot();
        sessions.removeAll(List.of(session.getId(), session.getName(), session.getName() + "@" + session.getHost()));
        if (!all) {
            sessions.add(session.getId()); // its name may be another's by the time of a break
        }
    }

    /** Whether there is an item to take; those of which the caller is to know nothing are passed over. */
    boolean ready() {
        while (!opening && !items.isEmpty()) {
            Message next = items.element();
            boolean again = next instanceof CaughtUp sign && move(sign.getCursor()).caughtUp; // it was shown before a break
            if (!again && (!(next instanceof Heartbeat) || given.hasHeartbeatInterval())) {
                return true;
            }
            take();
        }
        return false;
    }

    /** The next item: the cursors move over it. */
    Message take() {
        Message item = items.remove();
        if (item instanceof Event event) {
            move(event.getSessionId(), 0, event.getSeq()).owed = false;
            if (event.hasCompleted()) {
                sessions.remove(event.getSessionId());
            }
        } else if (item instanceof Snapshot screen) {
            move(screen.getSessionId(), 0, screen.getAsOfSeq()).owed = false;
        } else if (item instanceof Gap gap) { // also one of some kinds: nothing of its range follows
            Place here = move(gap.getSessionId(), 0, gap.getLastSeq());
            here.owed |= here.screen && gap.getReason() == GapReason.GAP_REASON_SLOW;
        } else if (item instanceof CaughtUp sign) {
            move(sign.getCursor()).caughtUp = true;
            if (given.getUntilCaughtUp()) {
                sessions.remove(sign.getCursor().getSessionId());
            }
        } else if (item instanceof Heartbeat beat) {
            beat.getPositionsList().forEach(position -> move(position.getCursor()));
        }
        return item;
    }

    private Place move(Cursor to) { return move(to.getSessionId(), to.getEpoch(), to.getSeq()); }

    /** The session's place, there or behind it; the epoch counts where the session is new. */
    private Place move(String session, long epoch, long seq) {
        Place here = places.computeIfAbsent(session, id -> new Place(epoch));
        here.seq = Math.max(here.seq, seq);
        return here;
    }
}
