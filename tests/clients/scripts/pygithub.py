"""PyGithub, as its users use it."""

from github import Auth, Github

repository = Github(auth=Auth.Token("ghp_upstream")).get_repo("acme/site")
print(repository.full_name)
print(repository.create_issue("The door is open", body="Since noon.").number)
print(repository.get_pull(7).merge(merge_method="squash").merged)
