// Comes in with an account of the issuer: account.mjs LOGIN NAME. Prints the heading of the page where that leads, and its words.
import { createRequire } from 'node:module';

const [login, name] = process.argv.slice(2);
const require = createRequire(process.env.VINE_TEST_BROWSER + '/');
const { chromium } = require('playwright-core');
const browser = await chromium.launch({ executablePath: process.env.VINE_TEST_CHROMIUM, args: ['--no-sandbox', '--disable-gpu'] });
const page = await browser.newPage();
page.setDefaultTimeout(20_000);
await page.goto(login);
await page.getByRole('link', { name: 'Log in with Example Ltd' }).click();
await page.locator('input[name=login]').fill(name);
await page.locator('input[name=password]').fill('anything');
await page.locator('[type=submit]').click();
await page.getByRole('button', { name: 'Continue' }).click();
await page.locator('header .home').waitFor();
console.log(JSON.stringify({
  heading: await page.getByRole('heading', { level: 1 }).innerText(),
  text: await page.locator('body').innerText(),
  cookies: (await page.context().cookies()).map((cookie) => cookie.name).filter((name) => name.startsWith('vine')),
}));
await browser.close();
