// A person's day at the page, in a real browser: day.mjs LINK FOLDER LOOK. Prints what it found, as JSON.
//
// The agent of the day asks one question with options, and one without, and says what it heard.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';

const [link, folder, look] = process.argv.slice(2);
const require = createRequire(process.env.VINE_TEST_BROWSER + '/');
const { chromium } = require('playwright-core');
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

const LOOKS = {
  light: { colorScheme: 'light', viewport: { width: 1280, height: 900 } },
  dark: { colorScheme: 'dark', viewport: { width: 1280, height: 900 } },
  phone: { colorScheme: 'light', viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true, reducedMotion: 'reduce' },
};
const SCREENS = ['Overview', 'Tasks', 'Questions', 'Workers', 'Sessions', 'Queues', 'Numbers', 'Audit', 'Settings'];

const found = { errors: [], foreign: [], violations: [], wide: [] };
const browser = await chromium.launch({ executablePath: process.env.VINE_TEST_CHROMIUM, args: ['--no-sandbox', '--disable-gpu'] });
const page = await (await browser.newContext(LOOKS[look])).newPage();
page.setDefaultTimeout(30_000);
page.on('console', (message) => message.type() === 'error' && found.errors.push(message.text()));
page.on('pageerror', (error) => found.errors.push(String(error)));
page.on('request', (request) => new URL(request.url()).host !== new URL(link).host && found.foreign.push(request.url()));

/** Keeps a picture, and what axe and a too narrow window have against it. */
const seen = async (name) => {
  await page.screenshot({ path: `${folder}/${look}-${name}.png`, fullPage: true });
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => axe.run());
  for (const { id, nodes } of violations) found.violations.push(`${name}: ${id}: ${nodes.map((node) => node.html).join(' ')}`);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  if (wide > 0) found.wide.push(`${name}: ${wide} px`);
  // No word is broken into letters, and nothing stands on three lines.
  const heads = await page.locator('th[scope=col], button, nav a').evaluateAll((all) => all.filter((one) => {
    const text = document.createRange();
    text.selectNodeContents(one);
    const broken = !/\s/.test(one.textContent.trim()) && text.getClientRects().length > 1;
    return broken || one.offsetHeight > 60;
  }).map((one) => one.textContent));
  if (heads.length) found.wide.push(`${name}: broken or too high: ${heads}`);
};

const create = async (title) => {
  await page.getByRole('link', { name: 'Tasks', exact: true }).click();
  await page.getByText('New task').click();
  await page.getByLabel('Title').fill(title);
  await page.getByLabel('What should the agent do?').fill('As you see fit.');
  await page.getByRole('button', { name: 'Create' }).click();
  await page.getByRole('heading', { name: title }).waitFor();
};

await page.goto(link);
await seen('link');
await page.getByRole('button', { name: 'Log in as' }).click();
await page.waitForURL(new URL('/', link).href);
await seen('first');
await create('Plant a hedge');
await page.getByRole('button', { name: 'Hornbeam' }).waitFor();
await seen('asked');
await page.getByRole('link', { name: 'Overview' }).click();
await page.getByRole('heading', { name: '1 question waiting' }).waitFor();
await seen('waiting');
await page.getByRole('button', { name: 'Hornbeam' }).click();
await page.getByText('What should it be called?').first().waitFor();
const box = page.getByLabel(/^Answer to Q-/);
await box.focus();
await page.keyboard.type('Hedgehog & <b>sons</b>');
await page.keyboard.press('Enter');
await page.getByRole('heading', { name: 'Nothing needs an answer' }).waitFor();
await page.getByRole('link', { name: 'T-1' }).first().click();
await page.getByText('is done.').waitFor();
// Each part of the page opens.
for (const summary of await page.locator('details > summary').all()) await summary.click();
await seen('done');
for (const name of SCREENS) {
  await page.getByRole('navigation').getByRole('link', { name, exact: true }).click();
  await page.getByRole('heading', { level: 1 }).first().waitFor();
  await seen(name.toLowerCase());
}
// How the day went is drawn, and comes by itself.
await page.getByRole('navigation').getByRole('link', { name: 'Overview', exact: true }).click();
await page.getByText('1 finished, 0 failed').first().waitFor();
await seen('went');
// Whoever is not logged in is shown the door, which does not knock at itself.
await page.getByRole('button', { name: 'Log out' }).click();
await page.getByRole('heading', { name: 'Log in' }).waitFor();
await seen('login');
const knock = (request) => found.errors.push(`a page that rests asks for ${request.url()}`);
page.on('request', knock);
await page.waitForTimeout(6000);
page.off('request', knock);
// The reference of the API, which others have drawn: it has to stand on its own feet, its looks are theirs.
await page.goto(new URL('/api/v1/docs/', link).href);
await page.getByText('/api/v1/questions/{id}/answer').waitFor();
await page.screenshot({ path: `${folder}/${look}-reference.png` });
await browser.close();
console.log(JSON.stringify(found));
