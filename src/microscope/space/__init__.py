"""The way to a Space and back: front matter, preflight, deploy, smoke test, rollback; starts no page and no model."""
