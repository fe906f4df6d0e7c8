"""An app on Slack's own Python SDK. `double_slack.rs` is its workspace; see there for what is said and pressed.

Arguments: API base URL, bot token, app token; or a port and a signing secret after them, to be told things by requests
instead of a socket. Out: one JSON object a line.
"""

import json
import socket
import sys
import threading
import time

from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient
from slack_sdk.http_retry.builtin_handlers import RateLimitErrorRetryHandler

base, bot_token, app_token, *http = sys.argv[1:]
client = WebClient(token=bot_token, base_url=base)
client.retry_handlers.append(RateLimitErrorRetryHandler(max_retry_count=2))
app = App(client=client, token=bot_token, signing_secret=http[1] if http else None)


saying = threading.Lock()


def out(**line):
    # Bolt listens on several threads, and `print` writes a line and its end apart.
    with saying:
        print(json.dumps(line), flush=True)


def button(label, action):
    return {"type": "button", "text": {"type": "plain_text", "text": label}, "action_id": action, "value": "q-1"}


CARD = [
    {"type": "section", "block_id": "q", "text": {"type": "mrkdwn", "text": "*Which?*"}},
    {"type": "actions", "block_id": "a", "elements": [button("Pick", "pick"), button("Write", "write")]},
]


@app.event("message")
def message(event, say, client):
    text, channel, ts = event.get("text", ""), event["channel"], event["ts"]
    if event.get("subtype") or event.get("bot_id"):
        out(other=event.get("subtype") or "own")
        return
    if event.get("thread_ts"):
        client.reactions_add(channel=channel, timestamp=ts, name="eyes")
        out(reply=text, root=event["thread_ts"])
    elif text == "ask":
        posted = say(text="Which?", blocks=CARD, thread_ts=ts)
        out(asked=posted["ts"])
    elif text == "metadata":
        meta = {"event_type": "outbox", "event_payload": {"key": "k-1"}}
        client.chat_postMessage(channel=channel, thread_ts=ts, text="marked", metadata=meta)
        found = client.conversations_replies(channel=channel, ts=ts, include_all_metadata=True)["messages"]
        out(keys=[one["metadata"]["event_payload"]["key"] for one in found if one.get("metadata")])
    elif text == "file":
        client.files_upload_v2(channel=channel, thread_ts=ts, filename="long.md", content="all of it")
        out(uploaded=True)
    elif text == "who":
        out(who=client.users_info(user=event["user"])["user"]["name"])
    elif text == "slow down":
        client.chat_postMessage(channel=channel, thread_ts=ts, text="after the limit")
        out(limited=True)


@app.event("app_mention")
def mention(event):
    out(mention=event["text"])


@app.command("/vine")
def command(ack, command, respond):
    ack("working")
    respond("done: " + command["text"])
    out(command=command["text"])


@app.action("pick")
def pick(ack, body, client):
    ack()
    client.chat_update(channel=body["channel"]["id"], ts=body["message"]["ts"], text="picked", blocks=[])
    out(picked=body["actions"][0]["value"], by=body["user"]["id"])


@app.action("write")
def write(ack, body, client):
    ack()
    view = {
        "type": "modal", "callback_id": "answer", "title": {"type": "plain_text", "text": "Your answer"},
        "submit": {"type": "plain_text", "text": "Send"},
        "blocks": [{"type": "input", "block_id": "answer", "label": {"type": "plain_text", "text": "Answer"},
                    "element": {"type": "plain_text_input", "action_id": "text"}}],
    }
    opened = client.views_open(trigger_id=body["trigger_id"], view=view)
    out(opened=opened["view"]["id"])


@app.view("answer")
def answer(ack, view):
    text = view["state"]["values"]["answer"]["text"]["value"]
    if not text:
        ack(response_action="errors", errors={"answer": "Please write something"})
        out(refused=True)
        return
    ack()
    out(answer=text)


@app.shortcut("vine_answer")
def shortcut(ack, shortcut):
    ack()
    out(shortcut=shortcut["message"]["text"])


def serve(port):
    threading.Thread(target=lambda: app.start(port=port, http_server_logger_enabled=False), daemon=True).start()
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)


if http:
    serve(int(http[0]))
else:
    SocketModeHandler(app, app_token, web_client=client, ping_interval=2).connect()
out(ready=True)
for _line in sys.stdin:
    pass
