"""pyforgejo, unmodified but for the address, at the double. Arguments: the address of the API, a token. Out: one JSON object."""

import json
import sys

from pyforgejo import PyforgejoApi
from pyforgejo.core.api_error import ApiError

base, token = sys.argv[1:]
client = PyforgejoApi(base_url=base, api_key=f"token {token}")
me = client.user.get_current()
pull = client.repository.repo_create_pull_request("org", "site", title="By pyforgejo", head="work", base="main", body="x")
client.issue.create_comment("org", "site", pull.number, body="hello")
comments = client.issue.get_comments("org", "site", pull.number)
status = client.repository.repo_get_combined_status_by_ref("org", "site", pull.head.sha)
found = client.repository.repo_list_pull_requests("org", "site", state="open")
moved = 0
try:
    client.repository.repo_merge_pull_request("org", "site", pull.number, do="merge", head_commit_id="0" * 40)
except ApiError as error:
    moved = error.status_code
client.repository.repo_merge_pull_request("org", "site", pull.number, do="merge", head_commit_id=pull.head.sha)
after = client.repository.repo_get_pull_request("org", "site", pull.number)
config = {"url": "https://vine.example.org/forges/codeberg.org", "content_type": "json", "secret": "s"}
hook = client.repository.repo_create_hook("org", "site", config=config, type="forgejo", active=True, events=["push"])
hooks = [one.config["url"] for one in client.repository.repo_list_hooks("org", "site")]
client.repository.repo_delete_hook("org", "site", hook.id)
print(json.dumps({
    "me": me.login, "number": pull.number, "comments": [one.body for one in comments],
    "checks": [str(one.status) for one in status.statuses], "found": len(found), "moved": moved, "merged": after.merged, "hooks": hooks,
}))
