"""python-gitlab, unmodified but for the address, at the double. Arguments: the address, a token. Out: one JSON object."""

import json
import sys

import gitlab

base, token = sys.argv[1:]
client = gitlab.Gitlab(base, private_token=token)
client.auth()
site = client.projects.get("org/site")
request = site.mergerequests.create({"source_branch": "work", "target_branch": "main", "title": "By python-gitlab"})
request.notes.create({"body": "hello"})
found = len(site.mergerequests.list(state="opened", source_branch="work"))
checks = [one.status for one in site.commits.get(request.sha, lazy=True).statuses.list(get_all=True)]
moved = 0
try:
    request.merge(sha="0" * 40)
except gitlab.exceptions.GitlabError as error:
    moved = error.response_code
request.merge(sha=request.sha)
after = site.mergerequests.get(request.iid)
comments = [note["body"] for one in after.discussions.list(get_all=True) for note in one.attributes["notes"]]
hook = site.hooks.create({"url": "https://vine.example.org/forges/gitlab.com", "token": "s", "push_events": True})
hooks = [one.url for one in site.hooks.list(get_all=True)]
hook.delete()
print(json.dumps({
    "me": client.user.username, "number": request.iid, "comments": comments, "checks": checks, "found": found,
    "moved": moved, "merged": after.state == "merged", "hooks": hooks,
}))
