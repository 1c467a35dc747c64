"""What pip installs for a Space: the line of its build, resolved for its Python and pinned; knows no Hub."""
