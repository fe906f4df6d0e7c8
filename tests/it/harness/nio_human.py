"""A person whose client is matrix-nio, which shares no code with the program: JSON lines in, JSON lines out.

Arguments: homeserver, user id, password, folder for keys. In: {"join": alias} or {"say": text, "in": room, "root": event}.
Out: {"joined": room}, {"sent": event}, and {"heard": text, "sender": ..., "event": ..., "thread": ...} for all that could be
decrypted.
"""

import asyncio
import json
import sys

from nio import AsyncClient, AsyncClientConfig, JoinResponse, RoomMessageText, RoomMessageNotice


def out(**line):
    print(json.dumps(line), flush=True)


async def main(homeserver, user, password, folder):
    client = AsyncClient(homeserver, user, device_id="NIO", store_path=folder, config=AsyncClientConfig(encryption_enabled=True))
    await client.login(password, device_name="nio")

    async def heard(room, event):
        relation = event.source["content"].get("m.relates_to", {})
        thread = relation.get("event_id") if relation.get("rel_type") == "m.thread" else None
        out(heard=event.body, sender=event.sender, event=event.event_id, thread=thread)

    client.add_event_callback(heard, (RoomMessageText, RoomMessageNotice))
    stream = asyncio.create_task(client.sync_forever(timeout=5000, full_state=True))
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        wish = json.loads(line)
        if "join" in wish:
            joined = await client.join(wish["join"])
            while not isinstance(joined, JoinResponse) or not getattr(client.rooms.get(joined.room_id), "encrypted", False):
                await asyncio.sleep(0.1)
                joined = await client.join(wish["join"])
            out(joined=joined.room_id)
        else:
            relation = {"rel_type": "m.thread", "event_id": wish["root"], "is_falling_back": True, "m.in_reply_to": {"event_id": wish["root"]}}
            content = {"msgtype": "m.text", "body": wish["say"], "m.relates_to": relation}
            sent = await client.room_send(wish["in"], "m.room.message", content, ignore_unverified_devices=True)
            out(sent=sent.event_id)
    stream.cancel()


asyncio.run(main(*sys.argv[1:]))
