"""Nodes among themselves: each folds the others' logs, takes in what is for its cities, and keeps evidence of lies."""
