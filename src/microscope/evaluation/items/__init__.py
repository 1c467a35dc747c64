"""Sets of items: read from tables, archives, folders and the Hub, checked row by row before anything runs."""
