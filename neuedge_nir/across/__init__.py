"""One network across several chips: what each takes, which are best at something, what makes it fit where it does not.

Every chip is asked in a process of its own, so that none can hide the others.
"""
