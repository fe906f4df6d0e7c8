"""PyGithub, unmodified but for the address, at the double. Arguments: the address of the API, a token. Out: one JSON object."""

import json
import sys

from github import Auth, Github, GithubException

base, token = sys.argv[1:]
github = Github(auth=Auth.Token(token), base_url=base)
site = github.get_repo("org/site")
pull = site.create_pull(title="By PyGithub", head="work", base="main", body="x")
pull.create_issue_comment("hello")
moved = 0
try:
    pull.merge(sha="0" * 40)
except GithubException as error:
    moved = error.status
found = site.get_pulls(state="open", head="org:work").totalCount
pull.edit(body="y")
pull.merge(sha=pull.head.sha)
after = site.get_pull(pull.number)
hook = site.create_hook("web", {"url": "https://vine.example.org/forges/github.com", "content_type": "json", "secret": "s"}, ["push"])
hooks = [one.config["url"] for one in site.get_hooks()]
hook.delete()
print(json.dumps({
    "me": github.get_user().login, "number": pull.number, "comments": [one.body for one in pull.get_issue_comments()],
    "checks": [run.conclusion for run in site.get_commit(pull.head.sha).get_check_runs()],
    "found": found, "body": after.body, "moved": moved, "merged": after.merged, "hooks": hooks,
}))
