"""The benchmark: what the receiver does on this machine, as ratios to what the machine can do.

Everything is measured from outside, in processes of their own on loopback: a server, a till and a
load generator. What is compared runs in turns, so that a busy machine slows down both sides.
"""
