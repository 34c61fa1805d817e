"""Web ACLs before an address of ours."""

from __future__ import annotations

from troposphere import Ref, Sub, wafv2

from .. import parameters
from ..conditions import given
from ..parameters import parameter
from .apigateway import RestApi


def web_acl(api: RestApi) -> None:
    """Put the user's web ACL, when one is given, before the API's stage.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-wafv2-webaclassociation.html
    """
    stage = "arn:${AWS::Partition}:apigateway:${AWS::Region}::/restapis/${%s}/stages/${%s}"
    api.t.put(
        wafv2.WebACLAssociation(
            f"{api.title}WebAcl",
            ResourceArn=Sub(stage % (api.title, api.stage.title)),
            WebACLArn=Ref(parameter(api.t, parameters.WEB_ACL)),
        ),
        when=given(api.t, parameters.WEB_ACL),
    )
