// Somebody reads, selects and types while everything happens around them: still.mjs LINK TASK PICTURES. Asks whoever started it to do
// things by a line on standard output, and goes on when a line comes back. Ends with what was lost, as JSON.
import { createInterface } from 'node:readline';
import { createRequire } from 'node:module';

const [link, task, folder] = process.argv.slice(2);
const require = createRequire(process.env.VINE_TEST_BROWSER + '/');
const { chromium } = require('playwright-core');

const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const please = async (what) => { console.log(`please ${what}`); return (await answers.next()).value; };

const lost = [];
const same = (what, now, before) => { if (JSON.stringify(now) !== JSON.stringify(before)) lost.push(`${what}: ${JSON.stringify(now)}, not ${JSON.stringify(before)}`); };

const browser = await chromium.launch({ executablePath: process.env.VINE_TEST_CHROMIUM, args: ['--no-sandbox', '--disable-gpu'] });
const context = await browser.newContext({ viewport: { width: 1100, height: 800 } });
const page = await context.newPage();
page.setDefaultTimeout(30_000);
page.on('pageerror', (error) => lost.push(String(error)));
const at = (path) => new URL(path, link).href;
const words = 'Take the blue one.\nBut only if Ann agrees';
const box = () => page.getByLabel(/to Q-1$/);
// What is read stands where it stood in the window, although the thread above it grows.
const scrolled = () => page.evaluate(() => [Math.round(document.querySelector('#Q-1 textarea').getBoundingClientRect().top), document.querySelector('#Q-1 pre').scrollTop]);

// A link leads to its page after the login.
await page.goto(at(`/tasks/${task}`));
await page.getByRole('heading', { name: 'Log in' }).waitFor();
await page.goto(link);
await page.getByRole('button', { name: 'Log in as' }).click();
await page.waitForURL(at(`/tasks/${task}`));

// Read the 2,000 lines to their middle, select a line of the thread, type: everything changes meanwhile, several times.
await page.locator('#Q-1 pre').evaluate((pre) => { pre.scrollTop = 500; });
await box().fill(words);
await box().evaluate((field) => field.setSelectionRange(4, 8));
const before = await scrolled();
const state = () => page.evaluate(() => ({ focus: document.activeElement.getAttribute('aria-label'), value: document.activeElement.value, from: document.activeElement.selectionStart }));
const typing = await state();
for (let round = 0; round < 3; round += 1) {
  await please('change');
  await page.waitForTimeout(3_500);
}
// Lines of text have fractions of pixels.
const moved = (await scrolled()).map((now, which) => Math.max(0, Math.abs(now - before[which]) - 1));
same('scroll', moved, [0, 0]);
same('what is typed', await state(), typing);
await page.getByText('Note number 3').first().waitFor({ state: 'attached' });
const title = await page.title();
if (!title.startsWith('(2) ')) lost.push(`the title does not say what waits: ${title}`);
await page.screenshot({ path: `${folder}/still-typing.png` });

// Selected words stay selected.
await page.mouse.move(2, 2);
await page.evaluate(() => {
  document.activeElement.blur();
  const text = document.querySelector('section.thread article p, section.thread article div');
  getSelection().selectAllChildren(text);
});
const selection = () => page.evaluate(() => String(getSelection()));
const chosen = await selection();
if (!chosen) lost.push('nothing was selected');
await please('change');
await page.waitForTimeout(3_500);
same('selection', await selection(), chosen);
same('a draft', await box().inputValue(), words);

// The daemon dies and comes back.
await please('kill');
await page.getByText('AgentVine cannot be reached').first().waitFor();
await page.screenshot({ path: `${folder}/still-away.png` });
await page.getByRole('button', { name: 'Deny with this reason' }).click();
same('what is typed while the daemon is away', await box().inputValue(), words);
await please('start');
await page.locator('#banner').waitFor({ state: 'hidden' });
same('what is typed when the daemon is back', await box().inputValue(), words);

// A reload, and the way back.
await page.reload();
same('what is typed after a reload', await box().inputValue(), words);
await page.goto(at('/workers'));
await page.goBack();
same('what is typed after the way back', await box().inputValue(), words);

// The login ends in the middle of a sentence.
await box().pressSequentially(' first');
const other = await context.newPage();
await other.goto(at('/'));
await other.getByRole('button', { name: 'Log out' }).click();
await other.getByRole('heading', { name: 'Log in' }).waitFor();
await page.getByText('Your login has expired').first().waitFor();
await page.screenshot({ path: `${folder}/still-expired.png` });
same('what is typed when the login has expired', await box().inputValue(), `${words} first`);
await other.goto(await please('login'));
await other.getByRole('button', { name: 'Log in as' }).click();
await other.getByRole('heading', { level: 1 }).first().waitFor();
await page.locator('#banner').waitFor({ state: 'hidden' });
same('what is typed after the new login', await box().inputValue(), `${words} first`);

// And it can be sent.
await box().press('Enter');
await box().waitFor({ state: 'detached' });
await page.screenshot({ path: `${folder}/still-sent.png` });
await browser.close();
console.log(JSON.stringify({ lost }));
