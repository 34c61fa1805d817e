"""Microservices: a platform, and a factory whose product is one ordinary stack for each service.

    services/platform.yaml, services/*/service.yaml ──reading──▶ System ──platform, service──▶ templates ──▶ stacks

`declaration` says what a service may be. `reading` reads a folder of them and tells all that is wrong with it at once:
`parsing` of one file, `checking` of services against each other, `reach` of who can call whom over which network, and
`uses` (with `scopes`) of what code says against its declaration, `dockerfile` of what an image is. `platform` and
`service` are the pages of the templates; of what answers, `fronts` is how requests come there, `containers`,
`instances` and `caching` are shapes, `shifting` is how they come to another version. `finding` is what stacks find of
each other, `costs` what they cost. `bundle` puts the code of a service and the parts of `service_kit` that it imports
into one file, which `process` runs on servers, and `image` makes an image's files of. `factory` builds what has
changed, `deploying` brings it up and takes it down, with `serving` for versions behind a front, `pictures` draws it,
`scaffolding` makes a new service, and `testing` is for the tests of services.
"""
