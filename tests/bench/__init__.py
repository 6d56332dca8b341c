"""Figures that qbsync promises, measured: ``make bench`` prints a table and writes ``.qbsync/bench.json``."""
