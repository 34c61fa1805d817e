"""Microservices: a platform, and a factory whose product is one ordinary stack for each service.

    services/platform.yaml, services/*/service.yaml ──reading──▶ System ──platform, service──▶ templates ──▶ stacks

`declaration` says what a service may be, `reading` reads a folder of them and tells all that is wrong with it at once,
`reach` knows who can call whom over which network, `platform` and `service` are the pages of the templates, `bundle`
puts the code of a service and the parts of `service_kit` that it imports into one file.
"""
