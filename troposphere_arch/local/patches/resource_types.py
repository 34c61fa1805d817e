"""Resource types that the emulator's CloudFormation lacks, though its services know them."""

from __future__ import annotations

import uuid
from typing import Any

from troposphere_arch.local.patches.provisioner import Created, Properties, client, register, truth, unless_gone


def install_request_validator() -> None:
    """AWS::ApiGateway::RequestValidator.

    Stock: a stub. The resource gets an id, but no validator exists, so no request is ever refused for its form.
    AWS: the validator exists, and a method that names it refuses what does not fit.
    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-method-request-validation.html
    Patched: created, updated and deleted through the API Gateway API.
    """

    def create(logical_id: str, properties: Properties, stack_name: str) -> Created:
        name = {"name": properties["Name"]} if properties.get("Name") else {}
        validator = client("apigateway").create_request_validator(
            restApiId=properties["RestApiId"],
            validateRequestBody=truth(properties.get("ValidateRequestBody")),
            validateRequestParameters=truth(properties.get("ValidateRequestParameters")),
            **name,
        )["id"]
        return validator, {"RequestValidatorId": validator}

    def update(physical_id: str, old: Properties, new: Properties, stack_name: str) -> Created:
        if any(old.get(key) != new.get(key) for key in ("RestApiId", "Name")):
            return create("", new, stack_name)
        client("apigateway").update_request_validator(
            restApiId=new["RestApiId"],
            requestValidatorId=physical_id,
            patchOperations=[
                {"op": "replace", "path": f"/{key[0].lower()}{key[1:]}", "value": str(truth(new.get(key))).lower()}
                for key in ("ValidateRequestBody", "ValidateRequestParameters")
            ],
        )
        return physical_id, {"RequestValidatorId": physical_id}

    def delete(physical_id: str, properties: Properties) -> None:
        with unless_gone("NotFoundException"):
            client("apigateway").delete_request_validator(
                restApiId=properties["RestApiId"], requestValidatorId=physical_id
            )

    register("AWS::ApiGateway::RequestValidator", create=create, update=update, delete=delete)


def install_budget() -> None:
    """AWS::Budgets::Budget.

    Stock: "Unrecognized resource types", and no stack.
    AWS: a budget with its notifications.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-budgets-budget.html
    Patched: created, updated and deleted through the Budgets API. Nothing is ever spent there, so nothing is mailed.
    """

    def create(logical_id: str, properties: Properties, stack_name: str) -> Created:
        name = properties["Budget"].get("BudgetName") or f"{stack_name}-{logical_id}"
        client("budgets").create_budget(
            AccountId=_account(),
            Budget=_budget(name, properties),
            NotificationsWithSubscribers=[
                {
                    "Notification": {**n["Notification"], "Threshold": float(n["Notification"]["Threshold"])},
                    "Subscribers": n["Subscribers"],
                }
                for n in properties.get("NotificationsWithSubscribers", [])
            ],
        )
        return name, {"Id": name}

    def update(physical_id: str, old: Properties, new: Properties, stack_name: str) -> Created:
        renamed = old["Budget"].get("BudgetName") != new["Budget"].get("BudgetName")
        if renamed or old.get("NotificationsWithSubscribers") != new.get("NotificationsWithSubscribers"):
            if not renamed:
                delete(physical_id, old)  # a replacement needs the name that its predecessor has
            return create(physical_id.removeprefix(f"{stack_name}-"), new, stack_name)
        client("budgets").update_budget(AccountId=_account(), NewBudget=_budget(physical_id, new))
        return physical_id, {"Id": physical_id}

    def delete(physical_id: str, properties: Properties) -> None:
        with unless_gone("NotFoundException"):
            client("budgets").delete_budget(AccountId=_account(), BudgetName=physical_id)

    register("AWS::Budgets::Budget", create=create, update=update, delete=delete)


def install_web_acl_association() -> None:
    """AWS::WAFv2::WebACLAssociation.

    Stock: "Unrecognized resource types", and no stack.
    AWS: requests to the resource pass through the web ACL.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-wafv2-webaclassociation.html
    Patched: made and removed through the WAF API. The emulator records it; it filters no request.
    """

    def create(logical_id: str, properties: Properties, stack_name: str) -> Created:
        acl, resource = properties["WebACLArn"], properties["ResourceArn"]
        client("wafv2").associate_web_acl(WebACLArn=acl, ResourceArn=resource)
        return f"{acl}|{resource}", {}

    def update(physical_id: str, old: Properties, new: Properties, stack_name: str) -> Created:
        return create("", new, stack_name)

    def delete(physical_id: str, properties: Properties) -> None:
        acl, resource = physical_id.split("|")
        waf = client("wafv2")
        with unless_gone("WAFNonexistentItemException"):
            # A replacement may have put another one there already.
            if waf.get_web_acl_for_resource(ResourceArn=resource)["WebACL"]["ARN"] == acl:
                waf.disassociate_web_acl(ResourceArn=resource)

    register("AWS::WAFv2::WebACLAssociation", create=create, update=update, delete=delete)


def install_monitoring_subscription() -> None:
    """AWS::CloudFront::MonitoringSubscription.

    Stock: "Unrecognized resource types", and no stack; CloudFront's own API has them.
    AWS: CloudFront's additional metrics of a distribution, such as its cache hit rate.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-cloudfront-monitoringsubscription.html
    Patched: made, changed and removed through the CloudFront API. The emulator's CloudFront has no metrics at all.
    """

    def create(logical_id: str, properties: Properties, stack_name: str) -> Created:
        distribution = properties["DistributionId"]
        client("cloudfront").create_monitoring_subscription(
            DistributionId=distribution, MonitoringSubscription=properties["MonitoringSubscription"]
        )
        return distribution, {}

    def update(physical_id: str, old: Properties, new: Properties, stack_name: str) -> Created:
        return create("", new, stack_name)

    def delete(physical_id: str, properties: Properties) -> None:
        with unless_gone("NoSuchDistribution", "NoSuchMonitoringSubscription"):
            client("cloudfront").delete_monitoring_subscription(DistributionId=physical_id)

    register(
        "AWS::CloudFront::MonitoringSubscription",
        create=create,
        update=update,
        delete=delete,
        replacing=("DistributionId",),
    )


def install_oidc_provider() -> None:
    """AWS::IAM::OIDCProvider.

    Stock: "Unrecognized resource types", and no stack; IAM's own API has them.
    AWS: an identity provider of the account, whose tokens roles can trust.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-iam-oidcprovider.html
    Patched: made, updated and removed through the IAM API. STS of the emulator looks at the claims of a token and at
    the role's trust policy; it asks no provider for the keys that tokens are signed with.
    """

    def create(logical_id: str, properties: Properties, stack_name: str) -> Created:
        arn = client("iam").create_open_id_connect_provider(
            Url=properties["Url"],
            ClientIDList=properties.get("ClientIdList", []),
            ThumbprintList=properties.get("ThumbprintList", []),
        )["OpenIDConnectProviderArn"]
        return arn, {"Arn": arn}

    def update(physical_id: str, old: Properties, new: Properties, stack_name: str) -> Created:
        delete(physical_id, old)  # the emulator cannot change one; a new one has the same ARN
        return create("", new, stack_name)

    def delete(physical_id: str, properties: Properties) -> None:
        with unless_gone("NoSuchEntity"):
            client("iam").delete_open_id_connect_provider(OpenIDConnectProviderArn=physical_id)

    register("AWS::IAM::OIDCProvider", create=create, update=update, delete=delete, replacing=("Url",))


def install_service_catalog() -> None:
    """AWS::ServiceCatalog: portfolios, products and constraints.

    Stock: "Unrecognized resource types", and no stack; the emulator has no Service Catalog.
    AWS: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/AWS_ServiceCatalog.html
    Patched: recorded and nothing else. That a stack of these is made shows that its references resolve; nothing can be
    launched, and no constraint is ever applied.
    """
    for kind, prefix, attribute in (
        ("CloudFormationProduct", "prod", "ProvisioningArtifactIds"),
        ("LaunchRoleConstraint", "cons", "Id"),
        ("LaunchTemplateConstraint", "cons", "Id"),
        ("Portfolio", "port", "Id"),
        ("PortfolioPrincipalAssociation", "assoc", "Id"),
        ("PortfolioProductAssociation", "assoc", "Id"),
    ):
        _register_record(f"AWS::ServiceCatalog::{kind}", prefix, attribute)


def _register_record(kind: str, prefix: str, attribute: str) -> None:
    def create(logical_id: str, properties: Properties, stack_name: str) -> Created:
        made = f"{prefix}-{uuid.uuid4().hex[:13]}"
        return made, {attribute: made}

    def update(physical_id: str, old: Properties, new: Properties, stack_name: str) -> Created:
        return physical_id, {attribute: physical_id}

    def delete(physical_id: str, properties: Properties) -> None:
        """There is nothing to delete."""

    register(kind, create=create, update=update, delete=delete)


def install_security_group_rules() -> None:
    """AWS::EC2::SecurityGroupEgress and AWS::EC2::SecurityGroupIngress.

    Stock: "Unrecognized resource types", and no stack.
    AWS: one more rule of a security group.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-ec2-securitygroupegress.html
    Patched: made and removed through the EC2 API, where DescribeSecurityGroups shows it. No packet is ever filtered.
    """
    _register_rules("egress", "Destination")
    _register_rules("ingress", "Source")


def _register_rules(direction: str, peer: str) -> None:
    where = ("CidrIp", "CidrIpv6", f"{peer}SecurityGroupId", f"{peer}PrefixListId")

    def create(logical_id: str, properties: Properties, stack_name: str) -> Created:
        described = {"Description": properties["Description"]} if properties.get("Description") else {}
        lists = zip(where, ("IpRanges", "Ipv6Ranges", "UserIdGroupPairs", "PrefixListIds"), strict=True)
        keys = ("CidrIp", "CidrIpv6", "GroupId", "PrefixListId")
        permission: dict[str, Any] = {"IpProtocol": str(properties["IpProtocol"])}
        permission |= {port: int(properties[port]) for port in ("FromPort", "ToPort") if port in properties}
        permission |= {
            to: [{key: properties[name], **described}]
            for (name, to), key in zip(lists, keys, strict=True)
            if properties.get(name)
        }
        (rule,) = getattr(client("ec2"), f"authorize_security_group_{direction}")(
            GroupId=properties["GroupId"], IpPermissions=[permission]
        )["SecurityGroupRules"]
        return rule["SecurityGroupRuleId"], {"Id": rule["SecurityGroupRuleId"]}

    def update(physical_id: str, old: Properties, new: Properties, stack_name: str) -> Created:
        delete(physical_id, old)  # only the description is another; the emulator can't change it
        return create("", new, stack_name)

    def delete(physical_id: str, properties: Properties) -> None:
        with unless_gone("InvalidGroup.NotFound", "InvalidSecurityGroupRuleId.NotFound"):
            getattr(client("ec2"), f"revoke_security_group_{direction}")(
                GroupId=properties["GroupId"], SecurityGroupRuleIds=[physical_id]
            )

    register(
        f"AWS::EC2::SecurityGroup{direction.capitalize()}",
        create=create,
        update=update,
        delete=delete,
        replacing=("GroupId", "IpProtocol", "FromPort", "ToPort", *where),
    )


def _account() -> str:
    return str(client("sts").get_caller_identity()["Account"])


def _budget(name: str, properties: Properties) -> dict[str, Any]:
    budget = {**properties["Budget"], "BudgetName": name}
    if limit := budget.get("BudgetLimit"):
        budget["BudgetLimit"] = {"Amount": str(limit["Amount"]), "Unit": limit["Unit"]}
    return budget
