"""A city moves to another node (wire contract, section 6): what its old node held of it goes along, signed.

`statement.py` is what the old node says, `departing.py` lets a city go and writes its hand-over, `handed.py` reads one,
`arriving.py` takes it in; `placing.py` is how one record of it gets its place in the new node's log.
"""
