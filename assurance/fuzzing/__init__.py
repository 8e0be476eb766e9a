"""Coverage-guided fuzzing: a target for each surface, seeds made on the spot, and a judge.

``python -m assurance fuzz`` runs them all; ``worker.py`` is the process of one target.
"""
