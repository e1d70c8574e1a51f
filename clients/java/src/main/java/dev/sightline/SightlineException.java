package dev.sightline;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.ErrorInfo;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import java.util.Map;
import java.util.Set;

/** What the server, or the way to it, has to say. Its cause is gRPC's own exception. */
public final class SightlineException extends RuntimeException {
    private static final long serialVersionUID = 1;
    private final Status.Code code;
    private final ErrorInfo info;

    SightlineException(Status.Code code, ErrorInfo info, String message, Throwable cause) {
        super(message, cause);
        this.code = code;
        this.info = info;
    }

    /** Reads what a stub of {@link Client#channel} has thrown. */
    public static SightlineException of(StatusRuntimeException error) {
        Status status = error.getStatus();
        ErrorInfo info = ErrorInfo.getDefaultInstance();
        try {
            for (var detail : StatusProto.fromThrowable(error).getDetailsList()) {
                info = detail.is(ErrorInfo.class) ? detail.unpack(ErrorInfo.class) : info;
            }
        } catch (InvalidProtocolBufferException | IllegalArgumentException unreadable) {
            // A proxy's, or a newer form: the code and the text still stand.
        }
        String message = status.getDescription() != null ? status.getDescription() : status.getCode().name();
        return new SightlineException(status.getCode(), info, message, error);
    }

    /** gRPC's name of what happened. */
    public Status.Code code() { return code; }

    /** A word for programs that stays the same, such as SESSION_NOT_FOUND; empty: none was given. */
    public String reason() { return info.getReason(); }

    /** The variables of the message, such as session. */
    public Map<String, String> metadata() { return info.getMetadataMap(); }

    /** Whether connection or server went away, so that the same may work at the server's next life. */
    boolean broken() {
        return Set.of("", "DRAINING").contains(reason()) && switch (code) {
            case UNAVAILABLE, CANCELLED -> true;
            case INTERNAL -> getMessage().matches("(?s).*(RST_STREAM|end-of-stream mid-frame|unexpected EOS).*"); // gRPC's words for a reset
            default -> false;
        };
    }
}
