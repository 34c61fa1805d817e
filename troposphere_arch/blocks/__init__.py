"""Blocks: one module for each AWS service, named as troposphere names it.

A block that is a node of a diagram is a function `block(t, title, essentials, **CloudFormationProperties)`: it adds
the resources of the node and returns it. Its opinions are data at the top of the module. What the caller writes wins
over them, and what the architecture demands (private, encrypted, traced, retained) wins over the caller.

Others serve nodes (a role, a log group), or are put before or beside one (a web ACL, alarms, a budget).
"""
