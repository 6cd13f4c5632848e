"""The chaos suite: the proof that nothing is lost, whatever dies, fills up or goes wrong.

Platforms send orders, cancellations and payments to receivers as an operator runs them, and send
again what was not acknowledged, and some of what was. Meanwhile everything goes wrong that can:
`faults` names it all. Afterwards a judge compares what was acknowledged with what OktoPOS got.
"""
