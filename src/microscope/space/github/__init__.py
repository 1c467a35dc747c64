"""GitHub as this project uses it: its API, its refusals in sentences, branches, and the comment of a preview."""
