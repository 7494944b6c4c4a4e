"""Slow states, timetables, and the loop of epochs that couples them to the circuit; see `slow.protocol`."""
