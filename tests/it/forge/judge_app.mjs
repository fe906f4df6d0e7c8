// GitHub's own client as an App, unmodified but for the address: its account, its installation, and a token for one repository.
// Arguments: a folder with `octokit`, the address of the API, the App's id, a file with its key. Out: one JSON object.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [tools, baseUrl, appId, key] = process.argv.slice(2);
const { App, Octokit } = await import(pathToFileURL(createRequire(`${tools}/x.js`).resolve("octokit")).href);
const Here = Octokit.defaults({ baseUrl, throttle: { enabled: false }, retry: { enabled: false } });
const app = new App({ appId, privateKey: readFileSync(key, "utf8"), Octokit: Here });
const site = { owner: "org", repo: "site" };
const { data: me } = await app.octokit.rest.apps.getAuthenticated();
const { data: installation } = await app.octokit.rest.apps.getRepoInstallation(site);
const lend = (more) =>
  app.octokit.rest.apps.createInstallationAccessToken({ installation_id: installation.id, repositories: ["site"], ...more });
const { data: whole } = await lend({});
const { data: found } = await new Here({ auth: whole.token }).rest.repos.get(site);
const { data: git } = await lend({ permissions: { contents: "write" } });
let refused = 0;
try {
  await new Here({ auth: git.token }).rest.pulls.create({ ...site, title: "x", head: "work", base: "main" });
} catch (error) {
  refused = error.status;
}
console.log(JSON.stringify({
  me: me.slug, found: found.full_name, minutes: Math.round((new Date(whole.expires_at) - new Date()) / 60000),
  permissions: git.permissions, refused,
}));
