"""A worker that knows nothing but the API's document: `worker.py BASE CODE`.

It claims two tasks. In the first one it asks, passes the answer and a note on, and completes; the second one it
holds until it is told to stop. Every request and every answer is held against the document: its types, and that
it has no field that the document does not name.
"""

import sys
import uuid

import jsonschema_rs
import requests

WAIT = 20


class Document:
    def __init__(self, base):
        self.base = base
        self.whole = requests.get(f"{base}/api/v1/openapi.json", timeout=WAIT).json()
        self.calls = {
            operation["operationId"]: (method, path, operation)
            for path, operations in self.whole["paths"].items()
            for method, operation in operations.items()
        }

    def resolve(self, schema):
        while "$ref" in schema:
            schema = self.whole["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
        return schema

    def fits(self, value, schema, where):
        jsonschema_rs.validate({**schema, "components": self.whole["components"]}, value)
        extra = list(self.unnamed(value, [schema], where))
        assert not extra, f"the document does not name {extra}"

    def unnamed(self, value, schemas, where):
        """Fields of a value that none of these schemas, which may hold together, names."""
        parts = []
        for schema in map(self.resolve, schemas):
            parts.append(schema)
            for several in ("allOf", "oneOf", "anyOf"):
                parts.extend(self.flat(schema.get(several, [])))
        if isinstance(value, list):
            items = [part["items"] for part in parts if isinstance(part.get("items"), dict)]
            for index, item in enumerate(value):
                yield from self.unnamed(item, items, f"{where}[{index}]")
        if isinstance(value, dict) and any("properties" in part for part in parts):
            for key, field in value.items():
                named = [part["properties"][key] for part in parts if key in part.get("properties", {})]
                if named:
                    yield from self.unnamed(field, named, f"{where}.{key}")
                else:
                    yield f"{where}.{key}"

    def flat(self, schemas):
        for schema in map(self.resolve, schemas):
            yield schema
            for several in ("allOf", "oneOf", "anyOf"):
                yield from self.flat(schema.get(several, []))

    def call(self, name, token=None, body=None, **ids):
        method, path, operation = self.calls[name]
        for key, value in ids.items():
            path = path.replace(f"{{{key}}}", str(value))
        needed = [each for each in operation.get("parameters", []) if each["in"] == "header" and each["required"]]
        headers = {each["name"]: each["schema"]["enum"][0] for each in needed}
        if token:
            headers["authorization"] = f"Bearer {token}"
        if body is not None:
            self.fits(body, operation["requestBody"]["content"]["application/json"]["schema"], name)
        reply = requests.request(method, self.base + path, headers=headers, json=body, timeout=2 * WAIT)
        documented = operation["responses"][str(reply.status_code)]
        assert reply.ok, f"{name}: {reply.status_code} {reply.text}"
        if "content" not in documented:
            assert not reply.text, f"{name} answers what the document does not name: {reply.text}"
            return None
        answer = reply.json()
        self.fits(answer, documented["content"]["application/json"]["schema"], name)
        return answer


def main():
    base, code = sys.argv[1:]
    api = Document(base)
    enrolled = api.call("workers_enrol", body={"code": code, "name": "by-document", "slots": 2, "version": "python"})
    me, token, boot = enrolled["id"], enrolled["token"], str(uuid.uuid4())
    held = []

    def messages(wait=0.0):
        body = {"boot": boot, "slots": 2, "leases": held, "handling": [], "trouble": None, "wait": wait}
        return api.call("workers_beat", token, body, id=me)["messages"]

    def until(what):
        for _ in range(100):
            for message in messages(wait=1.0):
                if message["what"] == what:
                    return message
        raise SystemExit(f"no {what} came")

    messages()
    tasks = {}
    while len(tasks) < 2:
        for assignment in api.call("queue_claim", token, {"slots": 1, "wait": 5.0})["assignments"]:
            held.append(assignment["attempt"])
            tasks[assignment["title"]] = assignment
    asking, stopped = tasks["Ask"]["attempt"], tasks["Stop"]["attempt"]

    ask = {"kind": "clarify", "items": [{"question": "Which colour?", "options": [{"label": "Red"}, {"label": "Blue"}]}]}
    asked = {"attempt": asking, "key": str(uuid.uuid4()), "session": None, "call": "1", "ask": ask, "context": "I paint."}
    question = api.call("questions_ask", token, asked)["id"]
    print("asked", question, flush=True)

    answer = until("answer")["question"]
    assert answer["id"] == question, answer
    given = answer["state"]["answer"]
    api.call("questions_delivered", token, {"attempt": asking, "answer": given["key"]}, id=question)
    print("answered", given["decision"], flush=True)

    note = until("note")
    api.call("questions_note_delivered", token, {"attempt": asking}, key=note["note"]["key"])
    print("note", note["note"]["text"], flush=True)

    usage = {"turns": 1, "input_tokens": 10, "output_tokens": 2, "cost_microdollars": 0}
    report = {"summary": "Painted it blue.", "commit": None, "diffstat": "", "usage": usage}
    api.call("queue_complete", token, {"attempt": asking, "report": report})
    held.remove(asking)

    stop = until("stop")
    assert stop["attempt"] == stopped, stop
    held.remove(stopped)
    messages()
    api.call("workers_goodbye", token, id=me)
    print("over", flush=True)


if __name__ == "__main__":
    main()
