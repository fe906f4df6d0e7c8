"""A bot on discord.py, unmodified but for its addresses. `double_discord.rs` is its server; see there for what is said and pressed.

Arguments: base URL, token, guild. Out: one JSON object a line.
"""

import asyncio
import io
import json
import logging
import sys

import discord
from discord import app_commands, gateway, http

base, token, guild_id = sys.argv[1:]
http.Route.BASE = f"{base}/api/v10"
gateway.DiscordWebSocket.DEFAULT_GATEWAY = gateway.yarl.URL(base.replace("http", "ws") + "/gateway")
HERE = discord.Object(int(guild_id))


def out(**line):
    print(json.dumps(line), flush=True)


class Answer(discord.ui.Modal, title="Your answer"):
    text = discord.ui.TextInput(label="Answer", style=discord.TextStyle.paragraph)

    async def on_submit(self, interaction):
        await interaction.response.send_message("thanks", ephemeral=True)
        out(answer=self.text.value)


class Card(discord.ui.View):
    @discord.ui.button(label="Pick", custom_id="pick")
    async def pick(self, interaction, _button):
        await interaction.response.edit_message(content="picked", view=None)
        out(picked=interaction.user.name)

    @discord.ui.button(label="Write", custom_id="write")
    async def write(self, interaction, _button):
        await interaction.response.send_modal(Answer())


class Bot(discord.Client):
    def __init__(self):
        intents = discord.Intents(guilds=True, guild_messages=True, message_content=True)
        super().__init__(intents=intents)
        self.tree = app_commands.CommandTree(self)

    async def setup_hook(self):
        await self.tree.sync(guild=HERE)

    async def on_ready(self):
        out(ready=self.user.name)

    async def on_resumed(self):
        out(resumed=True)

    async def on_message(self, message):
        if message.author.bot:
            return
        if isinstance(message.channel, discord.Thread):
            await message.add_reaction("👀")
            out(reply=message.content, reference=str(message.reference.message_id) if message.reference else None)
        elif message.content == "ask":
            posted = await message.channel.send("Which?", view=Card(timeout=None), allowed_mentions=discord.AllowedMentions.none())
            thread = await posted.create_thread(name="a question", auto_archive_duration=1440)
            await thread.send("in here")
            out(asked=str(posted.id), thread=str(thread.id))
        elif message.content == "file":
            await message.channel.send("attached", file=discord.File(io.BytesIO(b"all of it"), "long.md"))
            out(uploaded=True)
        elif message.content == "history":
            out(history=[one.content async for one in message.channel.history(limit=100, oldest_first=True)])
        elif message.content == "twice":
            first = await message.channel.send("once", nonce=4711)
            out(nonce=str(first.nonce))

    async def on_message_edit(self, _before, after):
        out(edited=after.content)

    async def on_message_delete(self, message):
        out(deleted=str(message.id))


bot = Bot()


@bot.tree.command(name="vine", description="Say something", guild=HERE)
async def vine(interaction, words: str):
    await interaction.response.defer(ephemeral=True)
    await asyncio.sleep(0.1)
    await interaction.edit_original_response(content=f"done: {words}")
    await interaction.followup.send("one more thing", ephemeral=True)
    out(command=words)


@vine.autocomplete("words")
async def complete(_interaction, typed):
    out(typed=typed)
    return [app_commands.Choice(name=one, value=one) for one in ("alpha", "beta") if typed in one]


@bot.tree.context_menu(name="Use", guild=HERE)
async def use(interaction, message: discord.Message):
    await interaction.response.send_message("used", ephemeral=True)
    out(used=message.content)


bot.run(token, log_level=logging.WARNING)
