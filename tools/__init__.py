"""Chores of the repository, one script each."""
