/** A request: the question, the answers on offer, and who answered. */
import { type FormEvent, type KeyboardEvent, useId, useState } from "react";
import { type Request, RequestKind, type RequestResolved } from "../gen/sightline/v1/event_pb";
import { Button } from "../ui/Button";
import styles from "./Ask.module.css";
import { useHere } from "./here";
import { Words } from "./Words";

interface Props {
  readonly request: Request | undefined;
  readonly resolved: RequestResolved | undefined;
}

const KEYS = 9; // options that have a key

/** Draws it. */
export function Ask({ request, resolved }: Props) {
  const { ended } = useHere();
  return (
    <div className={styles.ask}>
      {request === undefined ? null : (
        <p className={styles.question}>
          <Words text={request.text || request.requestId} />
        </p>
      )}
      {resolved !== undefined ? <Given request={request} resolved={resolved} /> : null}
      {resolved === undefined && request !== undefined ? (
        ended ? (
          <p className={styles.given}>It ended without an answer.</p>
        ) : (
          <Answers request={request} />
        )
      ) : null}
    </div>
  );
}

function Given({ request, resolved }: { readonly request: Request | undefined; readonly resolved: RequestResolved }) {
  const option = request?.options.find((one) => one.optionId === resolved.optionId);
  const what = [option?.label ?? resolved.optionId, resolved.text].filter(Boolean).join(": ");
  return (
    <p className={styles.given}>
      {resolved.cancelled ? "No longer asked" : "Answered"}
      {what === "" ? null : (
        <>
          {": "}
          <strong>
            <Words text={what} />
          </strong>
        </>
      )}
      {resolved.author === "" ? null : (
        <>
          {" by "}
          <Words text={resolved.author} />
        </>
      )}
    </p>
  );
}

function Answers({ request }: { readonly request: Request }) {
  const { answer } = useHere();
  const [sending, setSending] = useState(false);
  const [problem, setProblem] = useState("");
  const [text, setText] = useState("");
  const field = useId();
  const send = async (given: { optionId?: string; text?: string }) => {
    if (sending) return;
    setSending(true);
    setProblem("");
    try {
      await answer(request.requestId, given);
    } catch (error) {
      setProblem((error as Error).message);
      setSending(false);
    }
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (text.trim() !== "") void send({ text });
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Escape") (event.currentTarget.closest("article") as HTMLElement | null)?.focus();
  };
  const first = request.options.find((option) => option.allows);
  const inWords = request.options.length === 0 || request.kind === RequestKind.QUESTION;
  return (
    <>
      <fieldset className={styles.options} aria-label="Answers">
        {request.options.map((option, at) => (
          <Button
            key={option.optionId}
            weight={option === first ? "main" : "plain"}
            disabled={sending}
            data-answer={at + 1}
            aria-keyshortcuts={at < KEYS ? `${at + 1}` : undefined}
            onClick={() => void send({ optionId: option.optionId })}
          >
            <Words text={option.label || option.optionId} />
            {at < KEYS ? (
              <span className={styles.key} aria-hidden="true">
                {at + 1}
              </span>
            ) : null}
          </Button>
        ))}
      </fieldset>
      {inWords ? (
        <form className={styles.words} onSubmit={submit}>
          <label htmlFor={field}>{request.options.length === 0 ? "Answer" : "Or in your own words"}</label>
          <input
            id={field}
            data-answer="words"
            value={text}
            disabled={sending}
            onChange={(event) => setText(event.target.value)}
            onKeyDown={onKeyDown}
          />
          <Button type="submit" weight="main" disabled={sending || text.trim() === ""}>
            Answer
          </Button>
        </form>
      ) : null}
      {sending ? <p role="status">Sending…</p> : null}
      {problem === "" ? null : (
        <p role="alert" className={styles.problem}>
          {problem}
        </p>
      )}
    </>
  );
}
