"""What the node can do, measured against floors taken in the same run: `python -m bench` lists the benches.

`catalogue.py` names them with their bars, `floors.py` what they are held against, `load.py` makes records and
drives connections, `sandbox.py` starts a real node, `filling.py` fills a store fast; then one file a bench.
"""
