// Looks at everything while hostile words stand in every field: hostile.mjs LINK. Prints what executed or could, as JSON.
import { createRequire } from 'node:module';

const [link, ...tasks] = process.argv.slice(2);
const require = createRequire(process.env.VINE_TEST_BROWSER + '/');
const { chromium } = require('playwright-core');

const found = { executed: [], dangerous: [], errors: [], foreign: [], seen: [] };
const browser = await chromium.launch({ executablePath: process.env.VINE_TEST_CHROMIUM, args: ['--no-sandbox', '--disable-gpu'] });
const page = await (await browser.newContext()).newPage();
page.setDefaultTimeout(20_000);
await page.addInitScript(() => { window.pwned = () => { document.documentElement.dataset.pwned = 'yes'; }; });
page.on('dialog', (dialog) => { found.executed.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
// What the policy stops would be named here: nothing must even try.
page.on('console', (message) => message.type() === 'error' && found.errors.push(message.text()));
page.on('response', (response) => response.status() >= 400 && found.errors.push(`${response.status()} ${response.request().method()} ${response.url()}`));
page.on('request', (request) => new URL(request.url()).host !== new URL(link).host && found.foreign.push(request.url()));

/** Nothing of what was written may be more than words. */
const look = async (name) => {
  for (const summary of await page.locator('details > summary').all()) await summary.click();
  const bad = await page.evaluate(() => {
    const all = [...document.querySelectorAll('main *, title')];
    const handlers = all.filter((one) => [...one.attributes].some((attribute) => /^on/i.test(attribute.name)));
    const loaded = all.filter((one) => /^(script|iframe|object|embed|img|link|style|base|meta|video|audio)$/i.test(one.tagName));
    const links = [...document.querySelectorAll('main [href], main [src], main [action], main [formaction]')].filter((one) =>
      ['href', 'src', 'action', 'formaction'].some((name) => one.hasAttribute(name) && !/^(\/|#|https?:)/.test(one.getAttribute(name))));
    return [...handlers, ...loaded, ...links].map((one) => one.outerHTML.slice(0, 200));
  });
  for (const one of bad) found.dangerous.push(`${name}: ${one}`);
  if (await page.evaluate(() => document.documentElement.dataset.pwned)) found.executed.push(name);
  if ((await page.locator('main').innerText()).includes('pwned(')) found.seen.push(name);
};

await page.goto(link);
await page.getByRole('button', { name: 'Log in as' }).click();
await page.waitForURL(new URL('/', link).href);
const at = (path) => new URL(path, link).href;
for (const path of ['/', '/tasks', '/questions', '/workers', '/sessions', '/queues', '/numbers', '/audit', '/settings', ...tasks.map((task) => `/tasks/${task}`)]) {
  await page.goto(at(path));
  await look(path);
}
// And what the script swaps in later, and what a command repeats.
await page.goto(at('/'));
await page.getByLabel('Command').fill('task show <img src=x onerror=pwned()>');
await page.getByRole('button', { name: 'Run' }).click();
await page.locator('.reply[role=status]').waitFor();
await look('reply');
await page.goto(at('/tasks?text=%22%3E%3Cscript%3Epwned()%3C/script%3E&state=done'));
await look('search');
await page.goto(at(`/tasks/${tasks[0]}`));
await page.waitForTimeout(3_000);
await look('refreshed');
await browser.close();
console.log(JSON.stringify(found));
