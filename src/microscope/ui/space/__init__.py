"""The Setup tab and the banner before it: for the owner alone, what is set, what is missing, and what it costs."""
