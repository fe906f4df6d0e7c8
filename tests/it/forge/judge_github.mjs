// GitHub's own client, unmodified but for the address: opens, reads, comments and merges at the double.
// Arguments: a folder with `octokit`, the address of the API, a token. Out: one JSON object.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [tools, baseUrl, auth] = process.argv.slice(2);
const { Octokit } = await import(pathToFileURL(createRequire(`${tools}/x.js`).resolve("octokit")).href);
const octokit = new Octokit({ auth, baseUrl, throttle: { enabled: false }, retry: { enabled: false } });
const site = { owner: "org", repo: "site" };
const { data: me } = await octokit.rest.users.getAuthenticated();
const { data: made } = await octokit.rest.pulls.create({ ...site, title: "By octokit", head: "work", base: "main", body: "x" });
const pull = { ...site, pull_number: made.number };
await octokit.rest.issues.createComment({ ...site, issue_number: made.number, body: "hello" });
const comments = await octokit.paginate(octokit.rest.issues.listComments, { ...site, issue_number: made.number });
const runs = await octokit.rest.checks.listForRef({ ...site, ref: made.head.sha });
const found = await octokit.rest.pulls.list({ ...site, state: "open", head: "org:work" });
await octokit.rest.pulls.update({ ...pull, body: "y" });
let moved = 0;
try {
  await octokit.rest.pulls.merge({ ...pull, sha: "0".repeat(40) });
} catch (error) {
  moved = error.status;
}
await octokit.rest.pulls.merge({ ...pull, sha: made.head.sha, merge_method: "squash" });
const { data: after } = await octokit.rest.pulls.get(pull);
const config = { url: "https://vine.example.org/forges/github.com", content_type: "json", secret: "s" };
const { data: hook } = await octokit.rest.repos.createWebhook({ ...site, events: ["push"], config });
const { data: hooks } = await octokit.rest.repos.listWebhooks(site);
await octokit.rest.repos.deleteWebhook({ ...site, hook_id: hook.id });
console.log(JSON.stringify({
  me: me.login, number: made.number, comments: comments.map((one) => one.body), checks: runs.data.check_runs.map((one) => one.conclusion),
  found: found.data.length, body: after.body, moved, merged: after.merged, hooks: hooks.map((one) => one.config.url),
}));
