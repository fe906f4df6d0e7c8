// The same app as app.py, on Slack's own JavaScript SDK.
import { createRequire } from 'node:module';

const [folder, base, botToken, appToken, port, signingSecret] = process.argv.slice(2);
const { App, LogLevel } = createRequire(folder + '/')('@slack/bolt');
const out = line => console.log(JSON.stringify(line));
const way = port ? { signingSecret } : { appToken, socketMode: true };
const app = new App({ token: botToken, ...way, logLevel: LogLevel.ERROR, clientOptions: { slackApiUrl: base } });

const button = (label, action) => ({ type: 'button', text: { type: 'plain_text', text: label }, action_id: action, value: 'q-1' });
const CARD = [
  { type: 'section', block_id: 'q', text: { type: 'mrkdwn', text: '*Which?*' } },
  { type: 'actions', block_id: 'a', elements: [button('Pick', 'pick'), button('Write', 'write')] },
];

app.event('message', async ({ event, say, client }) => {
  const { text, channel, ts } = event;
  if (event.subtype || event.bot_id) return out({ other: event.subtype ?? 'own' });
  if (event.thread_ts) {
    await client.reactions.add({ channel, timestamp: ts, name: 'eyes' });
    out({ reply: text, root: event.thread_ts });
  } else if (text === 'ask') {
    const posted = await say({ text: 'Which?', blocks: CARD, thread_ts: ts });
    out({ asked: posted.ts });
  } else if (text === 'metadata') {
    const metadata = { event_type: 'outbox', event_payload: { key: 'k-1' } };
    await client.chat.postMessage({ channel, thread_ts: ts, text: 'marked', metadata });
    const found = await client.conversations.replies({ channel, ts, include_all_metadata: true });
    out({ keys: found.messages.filter(one => one.metadata).map(one => one.metadata.event_payload.key) });
  } else if (text === 'file') {
    await client.filesUploadV2({ channel_id: channel, thread_ts: ts, filename: 'long.md', content: 'all of it' });
    out({ uploaded: true });
  } else if (text === 'who') {
    out({ who: (await client.users.info({ user: event.user })).user.name });
  } else if (text === 'slow down') {
    await client.chat.postMessage({ channel, thread_ts: ts, text: 'after the limit' });
    out({ limited: true });
  }
});
app.event('app_mention', async ({ event }) => out({ mention: event.text }));
app.command('/vine', async ({ ack, command, respond }) => {
  await ack('working');
  await respond('done: ' + command.text);
  out({ command: command.text });
});
app.action('pick', async ({ ack, body, client }) => {
  await ack();
  await client.chat.update({ channel: body.channel.id, ts: body.message.ts, text: 'picked', blocks: [] });
  out({ picked: body.actions[0].value, by: body.user.id });
});
app.action('write', async ({ ack, body, client }) => {
  await ack();
  const element = { type: 'plain_text_input', action_id: 'text' };
  const view = {
    type: 'modal', callback_id: 'answer', title: { type: 'plain_text', text: 'Your answer' }, submit: { type: 'plain_text', text: 'Send' },
    blocks: [{ type: 'input', block_id: 'answer', label: { type: 'plain_text', text: 'Answer' }, element }],
  };
  const opened = await client.views.open({ trigger_id: body.trigger_id, view });
  out({ opened: opened.view.id });
});
app.view('answer', async ({ ack, view }) => {
  const text = view.state.values.answer.text.value;
  if (!text) {
    await ack({ response_action: 'errors', errors: { answer: 'Please write something' } });
    return out({ refused: true });
  }
  await ack();
  out({ answer: text });
});
app.shortcut('vine_answer', async ({ ack, shortcut }) => {
  await ack();
  out({ shortcut: shortcut.message.text });
});
app.error(async error => console.error(error));
await app.start(port ? Number(port) : undefined);
out({ ready: true });
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
