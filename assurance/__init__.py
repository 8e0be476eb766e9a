"""What stands behind the claim that nobody gets in and nothing is lost: attempts, counted.

Each list is a module with ``TITLE`` and ``run``; ``python -m assurance LIST`` runs it and prints
its figures, and with ``--keep`` they go into ``docs/assurance.md``.
"""
