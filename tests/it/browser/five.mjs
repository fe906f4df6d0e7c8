// Five things that a person does in a day: five.mjs LINK FOLDER HOW, where HOW is `keyboard` or `phone`. Answers three questions,
// reviews a plan, sends one back, finds yesterday's decision and finds out why nothing runs. Prints what went wrong, as JSON.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';

const [link, folder, how] = process.argv.slice(2);
const require = createRequire(process.env.VINE_TEST_BROWSER + '/');
const { chromium } = require('playwright-core');
const isPhone = how === 'phone';

const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const wrong = [];
const browser = await chromium.launch({ executablePath: process.env.VINE_TEST_CHROMIUM, args: ['--no-sandbox', '--disable-gpu'] });
const look = isPhone ? { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true } : { viewport: { width: 1280, height: 900 } };
const page = await (await browser.newContext(look)).newPage();
page.setDefaultTimeout(20_000);
page.on('pageerror', (error) => wrong.push(String(error)));
const press = (...keys) => keys.reduce((before, key) => before.then(() => page.keyboard.press(key)), Promise.resolve());

/** Moves the focus with Tab until it is on something with this text, as somebody without a mouse does. */
const tabTo = async (text) => {
  for (let times = 0; times < 150; times += 1) {
    await press('Tab');
    const now = await page.evaluate(() => document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent);
    if (now.trim().startsWith(text)) return;
  }
  throw new Error(`the keyboard does not reach ${text}`);
};
const open = async (text) => (isPhone ? page.getByRole('link', { name: text, exact: true }).first().tap() : tabTo(text).then(() => press('Enter')));
const gone = (id) => page.locator(`#${id}`).waitFor({ state: 'detached' });
const cards = () => page.locator('article.ask').evaluateAll((all) => all.map((card) => card.id));

/** Chooses a question: with j and k, or by looking at it. */
const choose = async (id) => {
  if (isPhone) return page.locator(`#${id}`).scrollIntoViewIfNeeded();
  await press('g');
  for (let times = 0; times < 20; times += 1) {
    if ((await page.evaluate(() => document.activeElement.id)) === id) return undefined;
    await press('j');
  }
  throw new Error(`the keyboard does not reach ${id}`);
};
const button = (id, name) => page.locator(`#${id}`).getByRole('button', { name, exact: true });

/** What a thumb does not hit, and what does not fit. */
const fits = async (name) => {
  await page.screenshot({ path: `${folder}/five-${how}-${name}.png` });
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run());
  for (const { id, nodes } of violations) wrong.push(`${name}: ${id}: ${nodes.map((node) => node.html).join(' ').slice(0, 300)}`);
  if (!isPhone) return;
  const targets = 'button, summary, nav a, input:not([type=hidden]), select, textarea, .choice label, article.ask .about a, .pages a, td > a, th > a, ul.plain a';
  const small = await page.locator(targets).evaluateAll((all) => all
    .filter((one) => one.offsetParent && !one.closest('.skip, label') && (one.getBoundingClientRect().height < 43.5 || one.getBoundingClientRect().width < 43.5))
    .map((one) => `${one.tagName} ${one.textContent.trim().slice(0, 30)} ${Math.round(one.getBoundingClientRect().width)}x${Math.round(one.getBoundingClientRect().height)}`));
  if (small.length > 0) wrong.push(`${name}: too small for a thumb: ${small.join(', ')}`);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  if (wide > 0) wrong.push(`${name}: ${wide} px too wide`);
};

await page.goto(link);
if (isPhone) await page.getByRole('button', { name: 'Log in as' }).tap();
else {
  await page.waitForFunction(() => document.activeElement.tagName === 'BUTTON');
  await press('Enter');
}
await page.waitForURL(new URL('/', link).href);
await fits('overview');
if (!isPhone) {
  await page.emulateMedia({ colorScheme: 'dark' });
  // Colours change slowly.
  await page.waitForTimeout(400);
  await fits('overview-dark');
  await page.emulateMedia({ colorScheme: 'light' });
}
if (!isPhone) {
  await press('?');
  await page.getByRole('dialog').waitFor();
  await fits('shortcuts');
  await press('Escape');
}

// Three questions: a choice, a permission, and a form of two parts.
await choose('Q-2');
if (isPhone) await button('Q-2', 'Blue').tap();
else await press('2');
await gone('Q-2');
if (!isPhone) {
  await page.waitForTimeout(300);
  if ((await page.evaluate(() => document.activeElement.id)) !== 'same-as-Q-3') wrong.push('the next question was not chosen');
  // A key that is held, or pressed twice, decides nothing more.
  await press('a', 'a');
  if (!(await page.locator('#same-as-Q-3').isVisible())) wrong.push('a key for the question before decided the next one');
}
await choose('same-as-Q-3');
await fits('together');
// The key chooses the button; Enter presses it.
if (isPhone) await button('same-as-Q-3', 'Allow all 2 once').tap();
else await press('a', 'Enter');
await gone('same-as-Q-3');
await choose('Q-4');
if (isPhone) {
  await page.locator('#Q-4').getByText('SQLite').tap();
  await page.locator('#Q-4').getByText('Auth', { exact: true }).tap();
  await page.locator('#Q-4').getByText('Themes', { exact: true }).tap();
  await fits('form');
  await button('Q-4', 'Send').tap();
} else {
  await press('2', '1', '3', 'w', 'Control+Enter');
}
await gone('Q-4');

// A plan is approved, another one goes back with a remark.
await choose('Q-5');
if (isPhone) await button('Q-5', 'Approve').tap();
else await page.keyboard.down('a');
await gone('Q-5');
if (!isPhone) {
  // The key is still held when the next question is chosen.
  await page.waitForTimeout(600);
  await page.keyboard.down('a');
  await page.keyboard.up('a');
  if (!(await page.locator('#Q-6').isVisible())) wrong.push('a held key decided the next question');
}
await choose('Q-6');
if (isPhone) {
  await page.locator('#Q-6').getByText('As it was written').tap();
  const line = page.locator('#Q-6 pre [data-n="2"]');
  await line.tap({ position: { x: 12, y: 8 } });
  await page.keyboard.type('Not in this version.');
  await fits('plan');
  await button('Q-6', 'Send back').tap();
} else {
  await press('w');
  await page.keyboard.type('Without step 2.');
  await press('Enter');
}
await gone('Q-6');
if ((await cards()).length > 0) wrong.push(`left: ${await cards()}`);

// Yesterday's decision.
await open('Questions');
await page.getByText('Which licence?').first().waitFor();
await fits('questions');
await open('Q-1');
await page.locator('.fate').getByText('MIT').waitFor();
await fits('decision');

// Why nothing runs.
await open('Tasks');
await page.getByRole('heading', { name: 'Tasks', level: 1 }).waitFor();
await fits('tasks');
await open('T-8');
await page.getByText('the queue is paused').waitFor();
await fits('why');
// What cannot be taken back is asked about first.
for (const choice of ['dismiss', 'accept']) {
  const asked = page.waitForEvent('dialog').then(async (dialog) => {
    if (!dialog.message().startsWith('Cancel T-8')) wrong.push(`asked: ${dialog.message()}`);
    await dialog[choice]();
  });
  const cancel = page.locator('.turns button', { hasText: 'Cancel' });
  if (isPhone) await cancel.tap();
  else await cancel.focus().then(() => press('Enter'));
  await asked;
  if (choice === 'accept') await page.getByText('cancelled').first().waitFor();
  else if (!(await page.getByText('the queue is paused').isVisible())) wrong.push('it was cancelled without a yes');
}
await page.goto(new URL('/tasks/T-1/log', link).href);
await fits('log');
await page.goto(new URL('/nowhere', link).href);
await page.getByRole('heading', { name: 'Page not found' }).waitFor();
await fits('nowhere');
await browser.close();
console.log(JSON.stringify({ wrong }));
