"""Environments for learners (extra ``rl``): the junctions and observations of Ampelwerk under Gymnasium's and PettingZoo's interfaces."""
