"""Peers: what others would write, each run as its own process in its own environment.

A peer is started as `.venv-peers/bin/python benchmarks/peers/NAME.py`, reads and writes files, and
prints one JSON line when it is done.
"""
