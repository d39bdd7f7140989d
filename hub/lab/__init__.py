"""A sandbox: keys, trust list, agreements and nodes on free loopback ports, for partner developers and for us.

`building.py` makes the folder, `running.py` keeps its nodes up, `demonstration.py` is what `make run` shows.
"""
