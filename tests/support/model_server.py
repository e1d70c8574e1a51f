"""A model on loopback that says what a test wants, as OpenAI (Responses, chat completions), Anthropic and Gemini would.

Knows what these interfaces look like, nothing of agents. What it says next follows from how many tool results a request carries
already; so it keeps no state, and an agent may ask again after a broken connection.
"""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Json = dict[str, Any]
PIECE = 12  # characters of text that are sent at once
ASIDE = "An aside"  # the answer to what is no turn: titles, summaries
GEMINI_CHOICE = {
    "model_choice": "flash",
    "reasoning": "-",
    "complexity_score": 1,
    "complexity_reasoning": "-",
    "next_speaker": "user",
}


@dataclass(frozen=True)
class Call:
    """A tool that the model wants: its name, and its arguments; a string: a tool that takes text (Responses alone)."""

    name: str
    arguments: Json | str


@dataclass(frozen=True)
class Step:
    """One answer of the model."""

    text: str = ""
    thinking: str = ""
    calls: Sequence[Call] = ()


@dataclass
class Model:
    """What it says, and what it was asked.

    Attributes:
        steps: its answers, in order; the last one is given again and again.
        requests: the bodies of all that it was asked, in order.
        url: where it is.
    """

    steps: Sequence[Step]
    requests: list[Json] = field(default_factory=list)
    url: str = ""

    def after(self, results: int) -> Step:
        """What it says when so many results of tools are known."""
        for step in self.steps[:-1]:
            results -= max(1, len(step.calls))
            if results < 0:
                return step
        return self.steps[-1]

    def texts(self) -> list[str]:
        """Every string that it was ever told."""
        return [text for body in self.requests for text in _texts(body)]


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _texts(one)


def pieces(text: str) -> list[str]:
    return [text[at : at + PIECE] for at in range(0, len(text), PIECE)]


# --- the interfaces: a request's answer as server-sent events, each a name (or none) and its data

Events = Iterable[tuple[str, Json | str]]


def responses(model: Model, body: Json) -> Events:
    """OpenAI's Responses."""
    asked = [one for one in body.get("input", []) if isinstance(one, dict)]
    step = model.after(sum(str(one.get("type", "")).endswith("_call_output") for one in asked))
    number = len(model.requests)
    made: list[Json] = []

    def told(kind: str, **fields: object) -> tuple[str, Json]:
        return kind, {"type": kind, **fields}

    yield told("response.created", response={"id": f"resp_{number}", "object": "response", "status": "in_progress"})
    if step.thinking:
        thought = {"type": "summary_text", "text": step.thinking}
        made.append({"type": "reasoning", "id": f"rs_{number}", "summary": [thought], "encrypted_content": "LQ=="})
    if step.text:
        message = {"type": "output_text", "text": step.text, "annotations": []}
        made.append({"type": "message", "id": f"msg_{number}", "role": "assistant", "status": "completed", "content": [message]})
    for place, call in enumerate(step.calls):
        one: Json = {"call_id": f"call_{number}_{place}", "name": call.name, "status": "completed"}
        if isinstance(call.arguments, str):
            made.append({"type": "custom_tool_call", "id": f"ctc_{number}_{place}", "input": call.arguments, **one})
        else:
            made.append({"type": "function_call", "id": f"fc_{number}_{place}", "arguments": json.dumps(call.arguments), **one})
    for index, item in enumerate(made):
        empty = {"content": [], "summary": [], "arguments": "", "input": ""}
        started = {**item, **{key: value for key, value in empty.items() if key in item}}
        yield told("response.output_item.added", output_index=index, item=started)
        for piece in pieces(step.text) if item["type"] == "message" else ():
            yield told("response.output_text.delta", item_id=item["id"], output_index=index, content_index=0, delta=piece)
        yield told("response.output_item.done", output_index=index, item=item)
    usage = {"input_tokens": 1000, "input_tokens_details": {"cached_tokens": 512}, "output_tokens": 40, "total_tokens": 1040}
    usage["output_tokens_details"] = {"reasoning_tokens": 8 if step.thinking else 0}
    done = {"id": f"resp_{number}", "object": "response", "status": "completed", "output": made, "usage": usage}
    yield told("response.completed", response=done)


def chat(model: Model, body: Json) -> Events:
    """OpenAI's chat completions."""
    step = model.after(sum(one.get("role") == "tool" for one in body.get("messages", [])))
    if not body.get("tools"):
        step = Step(ASIDE)
    number = len(model.requests)

    def told(delta: Json, reason: str | None = None) -> tuple[str, Json]:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        return "", {"id": f"chat-{number}", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}

    yield told({"role": "assistant", "content": ""})
    for piece in pieces(step.thinking):
        yield told({"reasoning_content": piece})
    for piece in pieces(step.text):
        yield told({"content": piece})
    for place, call in enumerate(step.calls):
        function = {"name": call.name, "arguments": json.dumps(call.arguments)}
        yield told({"tool_calls": [{"index": place, "id": f"call_{number}_{place}", "type": "function", "function": function}]})
    yield told({}, "tool_calls" if step.calls else "stop")
    usage = {"prompt_tokens": 1000, "completion_tokens": 40, "total_tokens": 1040, "prompt_tokens_details": {"cached_tokens": 512}}
    yield "", {**told({})[1], "choices": [], "usage": usage}
    yield "", "[DONE]"


def messages(model: Model, body: Json) -> Events:
    """Anthropic's Messages."""
    contents = [one["content"] for one in body.get("messages", []) if isinstance(one.get("content"), list)]
    step = model.after(sum(block.get("type") == "tool_result" for content in contents for block in content))
    if not body.get("tools"):
        step = Step(ASIDE)
    number = len(model.requests)

    def told(kind: str, **fields: object) -> tuple[str, Json]:
        return kind, {"type": kind, **fields}

    usage = {"input_tokens": 488, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 512, "output_tokens": 1}
    head: Json = {"id": f"msg_{number}", "type": "message", "role": "assistant", "model": body.get("model"), "content": []}
    yield told("message_start", message={**head, "stop_reason": None, "stop_sequence": None, "usage": usage})
    blocks: list[tuple[Json, list[Json]]] = []  # how each begins, and what is added to it
    if step.thinking:
        thoughts: list[Json] = [{"type": "thinking_delta", "thinking": piece} for piece in pieces(step.thinking)]
        blocks.append(
            ({"type": "thinking", "thinking": "", "signature": ""}, [*thoughts, {"type": "signature_delta", "signature": "LQ=="}])
        )
    if step.text:
        blocks.append(({"type": "text", "text": ""}, [{"type": "text_delta", "text": piece} for piece in pieces(step.text)]))
    for place, call in enumerate(step.calls):
        begin = {"type": "tool_use", "id": f"toolu_{number}_{place}", "name": call.name, "input": {}}
        parts = pieces(json.dumps(call.arguments))
        blocks.append((begin, [{"type": "input_json_delta", "partial_json": piece} for piece in parts]))
    for index, (begin, deltas) in enumerate(blocks):
        yield told("content_block_start", index=index, content_block=begin)
        for delta in deltas:
            yield told("content_block_delta", index=index, delta=delta)
        yield told("content_block_stop", index=index)
    reason = "tool_use" if step.calls else "end_turn"
    yield told("message_delta", delta={"stop_reason": reason, "stop_sequence": None}, usage={**usage, "output_tokens": 40})
    yield told("message_stop")


def gemini(model: Model, body: Json) -> Events:
    """Gemini's generateContent."""
    parts = [part for content in body.get("contents", []) for part in content.get("parts", [])]
    step = model.after(sum("functionResponse" in part for part in parts))
    number = len(model.requests)
    usage = {"promptTokenCount": 1000, "candidatesTokenCount": 40, "totalTokenCount": 1040, "cachedContentTokenCount": 512}
    usage["thoughtsTokenCount"] = 8 if step.thinking else 0

    def told(parts: list[Json], **fields: object) -> tuple[str, Json]:
        candidate = {"content": {"role": "model", "parts": parts}, "index": 0, **fields}
        return "", {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "m", "responseId": f"r{number}"}

    if step.thinking:
        yield told([{"text": f"**Thinking** {step.thinking}", "thought": True}])
    for piece in pieces(step.text):
        yield told([{"text": piece}])
    calls = [{"name": call.name, "args": call.arguments, "id": f"fc_{number}_{place}"} for place, call in enumerate(step.calls)]
    yield told([{"functionCall": call} for call in calls] or [{"text": ""}], finishReason="STOP")


STREAMS = {
    "/responses": responses,
    "/chat/completions": chat,
    "/messages": messages,
    ":streamGenerateContent": gemini,
}


def at_once(path: str, model: Model, body: Json) -> Json | None:
    """The answer to a request that is not to be streamed; None: there is no such thing here."""
    if path.endswith("/models"):
        return {"object": "list", "models": [], "data": [{"id": "m", "object": "model", "created": 1, "owned_by": "test"}]}
    if path.endswith("/count_tokens"):
        return {"input_tokens": 1000}
    if path.endswith(":countTokens"):
        return {"totalTokens": 1000}
    if path.endswith(":generateContent"):
        content = {"role": "model", "parts": [{"text": json.dumps(GEMINI_CHOICE)}]}
        return {"candidates": [{"content": content, "finishReason": "STOP", "index": 0}], "modelVersion": "m"}
    if path.endswith("/chat/completions"):
        message = {"role": "assistant", "content": ASIDE}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return {"id": "chat", "object": "chat.completion", "created": 1, "model": body.get("model"), "choices": [choice]}
    if path.endswith("/messages"):
        content = {"type": "text", "text": ASIDE}
        made = {"id": "msg", "type": "message", "role": "assistant", "model": body.get("model"), "content": [content]}
        return {**made, "stop_reason": "end_turn", "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 1}}
    return None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    model: Model

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Says nothing."""

    def do_GET(self) -> None:
        self._whole(at_once(self.path.partition("?")[0], self.model, {}))

    def do_HEAD(self) -> None:
        self._whole({})

    def do_POST(self) -> None:
        body = self._body()
        path = self.path.partition("?")[0]
        stream = next((stream for ending, stream in STREAMS.items() if path.endswith(ending)), None)
        if stream is None or (not body.get("stream") and stream in (chat, messages)):
            self._whole(at_once(path, self.model, body))
            return
        self.model.requests.append(body)
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        try:
            for name, data in stream(self.model, body):
                head = f"event: {name}\n" if name else ""
                self.wfile.write(f"{head}data: {data if isinstance(data, str) else json.dumps(data)}\n\n".encode())
        except OSError:  # the agent was ended
            pass
        self.close_connection = True

    def _body(self) -> Json:
        if "chunked" in self.headers.get("transfer-encoding", ""):
            data = b""
            while size := int(self.rfile.readline().split(b";")[0] or b"0", 16):
                data += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            data = self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.headers.get("content-encoding") == "gzip":
            data = gzip.decompress(data)
        try:
            body = json.loads(data or b"{}")
        except ValueError:  # telemetry of other kinds
            return {}
        return body if isinstance(body, dict) else {}

    def _whole(self, answer: Json | None) -> None:
        data = json.dumps({"error": {"message": "no such thing here", "type": "not_found"}} if answer is None else answer).encode()
        self.send_response(404 if answer is None else 200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


@contextmanager
def serving(*steps: Step) -> Iterator[Model]:
    """A model that says this, for the length of a block."""
    model = Model(steps)
    handler = type("Handler", (_Handler,), {"model": model})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        model.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield model
        finally:
            server.shutdown()
            thread.join()
