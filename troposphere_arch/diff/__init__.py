"""What an update does to a running stack: the difference of any two CloudFormation templates.

    read ──▶ Template, Template ──worlds, facts──▶ resources ──spread──▶ consequences ──▶ Diff ──report──▶ table, Markdown

"""
