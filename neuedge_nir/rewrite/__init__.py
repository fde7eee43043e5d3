"""Passes: found by name, told their options, run one after the other, checked and measured."""
