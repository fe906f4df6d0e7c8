// The same bot as bot.py, on discord.js.
import { createRequire } from 'node:module';

const [folder, base, token, guildId] = process.argv.slice(2);
const { ActionRowBuilder, ApplicationCommandOptionType, AttachmentBuilder, ButtonBuilder, ButtonStyle, Client, Events, GatewayIntentBits, MessageFlags, ModalBuilder, TextInputBuilder, TextInputStyle } = createRequire(folder + '/')('discord.js');
const out = line => console.log(JSON.stringify(line));
const client = new Client({
  intents: [GatewayIntentBits.Guilds, GatewayIntentBits.GuildMessages, GatewayIntentBits.MessageContent],
  rest: { api: base + '/api' }, allowedMentions: { parse: [] },
});
const button = (label, id) => new ButtonBuilder().setCustomId(id).setLabel(label).setStyle(ButtonStyle.Primary);

client.once(Events.ClientReady, async () => {
  const words = { type: ApplicationCommandOptionType.String, name: 'words', description: 'Words', required: true, autocomplete: true };
  await client.application.commands.set([{ name: 'vine', description: 'Say something', options: [words] }, { type: 3, name: 'Use' }], guildId);
  out({ ready: client.user.username });
});
client.on(Events.ShardResume, () => out({ resumed: true }));
client.on(Events.MessageCreate, async message => {
  if (message.author.bot) return;
  if (message.channel.isThread()) {
    await message.react('👀');
    out({ reply: message.content, reference: message.reference?.messageId ?? null });
  } else if (message.content === 'ask') {
    const posted = await message.channel.send({ content: 'Which?', components: [new ActionRowBuilder().addComponents(button('Pick', 'pick'), button('Write', 'write'))] });
    const thread = await posted.startThread({ name: 'a question', autoArchiveDuration: 1440 });
    await thread.send('in here');
    out({ asked: posted.id, thread: thread.id });
  } else if (message.content === 'file') {
    await message.channel.send({ content: 'attached', files: [new AttachmentBuilder(Buffer.from('all of it'), { name: 'long.md' })] });
    out({ uploaded: true });
  } else if (message.content === 'history') {
    const page = await message.channel.messages.fetch({ limit: 100 });
    out({ history: [...page.values()].reverse().map(one => one.content) });
  } else if (message.content === 'twice') {
    const first = await message.channel.send({ content: 'once', nonce: '4711', enforceNonce: true });
    const second = await message.channel.send({ content: 'once', nonce: '4711', enforceNonce: true });
    out({ nonce: first.id === second.id ? '4711' : 'posted twice' });
  }
});
client.on(Events.MessageUpdate, (_before, after) => out({ edited: after.content }));
client.on(Events.MessageDelete, message => out({ deleted: message.id }));
client.on(Events.InteractionCreate, async interaction => {
  if (interaction.isAutocomplete()) {
    const typed = interaction.options.getFocused();
    out({ typed });
    await interaction.respond(['alpha', 'beta'].filter(one => one.includes(typed)).map(one => ({ name: one, value: one })));
  } else if (interaction.isChatInputCommand()) {
    await interaction.deferReply({ flags: MessageFlags.Ephemeral });
    await interaction.editReply('done: ' + interaction.options.getString('words'));
    await interaction.followUp({ content: 'one more thing', flags: MessageFlags.Ephemeral });
    out({ command: interaction.options.getString('words') });
  } else if (interaction.isMessageContextMenuCommand()) {
    await interaction.reply({ content: 'used', flags: MessageFlags.Ephemeral });
    out({ used: interaction.targetMessage.content });
  } else if (interaction.isButton() && interaction.customId === 'pick') {
    await interaction.update({ content: 'picked', components: [] });
    out({ picked: interaction.user.username });
  } else if (interaction.isButton()) {
    const input = new TextInputBuilder().setCustomId('text').setLabel('Answer').setStyle(TextInputStyle.Paragraph);
    await interaction.showModal(new ModalBuilder().setCustomId('answer').setTitle('Your answer').addComponents(new ActionRowBuilder().addComponents(input)));
  } else if (interaction.isModalSubmit()) {
    await interaction.reply({ content: 'thanks', flags: MessageFlags.Ephemeral });
    out({ answer: interaction.fields.getTextInputValue('text') });
  }
});
client.on(Events.Error, error => console.error(error));
await client.login(token);
