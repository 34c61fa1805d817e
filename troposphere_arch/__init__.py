"""AWS architectures as versioned CloudFormation templates, generated with troposphere and awacs."""

__version__ = "0.1.0"
