"""Our engine against other stacks."""
