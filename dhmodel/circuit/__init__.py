"""The circuit: its equations, cells, wiring, and what a state of the cord does to them."""
