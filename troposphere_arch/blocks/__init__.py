"""Blocks: one module for each AWS service, named as troposphere names it.

A block is a function `block(t, title, essentials, **CloudFormationProperties)` that adds the resources of one node of
the diagram and returns the node. Its opinions are data at the top of the module. What the caller writes wins over
them, and what the architecture demands (private, encrypted, traced, retained) wins over the caller.
"""
