"""Reference networks: definition, training, export, and the trained files with their provenance (`zoo.toml`).

torch, sinabs, nirtorch and scikit-learn come with the extra `train` and are imported only while something is trained.
"""
