"""Service Catalog: a portfolio, and products whose launches have exactly the rights that their templates need.

releases of a scenario ──▶ product, a version each
    resource types ──▶ launch role: what CloudFormation must do, on what a launch may touch
    grants ──────────▶ boundary: what the product's own roles may do at most, without which none can be made
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from troposphere import GetAtt, Ref, Sub, encode_to_dict, iam, servicecatalog

from .. import grants, launch_rights, outputs, parameters
from ..conditions import given
from ..parameters import parameter
from ..template import Node, ScenarioTemplate
from .iam import grant, role

# A managed policy may have 6,144 characters without blanks. Measured here before the names of the stack are known,
# which may be long.
POLICY_CHARACTERS = 4_800
# What a template must have so that a launch can be told to keep to its boundary.
COMPANY_RULES = ("PermissionsBoundaryArn", "RolePath")
_VARIABLE = re.compile(r"\$\{([^!{}][^{}]*)\}")

Template = Mapping[str, Any]


@dataclass(frozen=True)
class Release:
    """A released version of a scenario, as the index has it, and its template.

    `path` is the template's place below the catalogue's address, `upgrade` what an update to it does in a few words
    (such as `minor: in place`), `deprecated` why nobody should take it any more.
    """

    scenario: str
    version: str
    path: str
    description: str
    template: Template
    upgrade: str = ""
    deprecated: str = ""


@dataclass(frozen=True)
class Portfolio(Node):
    """What people see who may launch."""

    resource: servicecatalog.Portfolio


@dataclass(frozen=True)
class Product(Node):
    """A scenario that can be launched, the role that launches it, and the boundary of the roles that it makes."""

    resource: servicecatalog.CloudFormationProduct
    role: iam.Role
    boundary: iam.ManagedPolicy
    scenario: str
    takes_layers: bool


def portfolio(t: ScenarioTemplate, title: str) -> Portfolio:
    """A portfolio without products yet. Makes `<title>` and the output `<title>Id`.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-servicecatalog-portfolio.html
    """
    resource = t.put(
        servicecatalog.Portfolio(
            title, DisplayName=Ref("AWS::StackName"), ProviderName=Ref(parameter(t, parameters.CATALOGUE_OWNER))
        )
    )
    outputs.output(t, f"{title}Id", Ref(resource), "The portfolio; share it, or add who may launch, in the console.")
    return Portfolio(t, title, resource)


def products(t: ScenarioTemplate, releases: Sequence[Release], *, of: Collection[str]) -> list[Product]:
    """A product for each scenario of these that has a release. Raises ValueError when there is none.

    Versions that are deprecated are not offered, unless nothing else is left: who runs one must be able to end it.
    """
    found = {name: [one for one in releases if one.scenario == name] for name in sorted(of)}
    made = [_product(t, name, versions) for name, versions in found.items() if versions]
    if not made:
        raise ValueError("there is no release to offer: a service catalog is made from releases")
    return made


def _product(t: ScenarioTemplate, scenario: str, releases: Sequence[Release]) -> Product:
    """A product, its launch role and its boundary.

    Makes `<Scenario>Product`, `<Scenario>LaunchRole` with `<Scenario>LaunchRights1` and so on, `<Scenario>Boundary`,
    and outputs for the two parameters that every launch must be given.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-servicecatalog-cloudformationproduct.html
    """
    title = "".join(word.capitalize() for word in scenario.split("-"))
    for release in releases:
        lacking = [name for name in COMPANY_RULES if name not in release.template.get("Parameters", {})]
        if lacking:
            raise ValueError(
                f"{scenario} {release.version} has no parameter {', '.join(lacking)}: it cannot be bounded"
            )
    templates = [release.template for release in releases]
    offered = [release for release in releases if not release.deprecated] or releases[-1:]
    takes_layers = _take_layers(scenario, offered)
    resource = t.put(
        servicecatalog.CloudFormationProduct(
            f"{title}Product",
            Name=scenario,
            Owner=Ref(parameter(t, parameters.CATALOGUE_OWNER)),
            Description=releases[-1].description,
            ProvisioningArtifactParameters=[_version(t, release) for release in offered],
        )
    )
    boundary = t.put(
        iam.ManagedPolicy(
            f"{title}Boundary",
            Description=f"What the roles of a launched {scenario} may do at most",
            Path=Sub(_path(scenario)),
            PolicyDocument=grants.document(*(grants.allow(*one) for one in _at_most(templates))),
            # Roles of what was launched keep it, whatever becomes of this stack.
            DeletionPolicy="Retain",
            UpdateReplacePolicy="Retain",
        )
    )
    made = role(t, f"{title}LaunchRole", grants.trust_service("servicecatalog.amazonaws.com"))
    _allow_launches(t, made, title, scenario, templates, boundary)
    outputs.output(
        t,
        f"{title}BoundaryArn",
        Ref(boundary),
        f"PermissionsBoundaryArn of every launch of {scenario}; no other is let.",
    )
    outputs.output(
        t, f"{title}RolePath", Sub(_path(scenario)), f"RolePath of every launch of {scenario}; no other is let."
    )
    return Product(t, title, resource, made, boundary, scenario, takes_layers)


def _take_layers(scenario: str, offered: Sequence[Release]) -> bool:
    """Whether a launch says which bucket its layers come from: a rule about that is for all versions, or for none."""
    name = parameters.ARTIFACT_BUCKET.name
    lacking = [release.version for release in offered if name not in release.template["Parameters"]]
    if lacking and len(lacking) < len(offered):
        raise ValueError(
            f"{scenario} {', '.join(lacking)} has no parameter {name} and other versions have: a portfolio cannot hold "
            f"those to its own bucket; deprecate the ones without"
        )
    return not lacking


def _version(t: ScenarioTemplate, release: Release) -> servicecatalog.ProvisioningArtifactProperties:
    parameter(t, parameters.CATALOGUE_URL)
    told = f"deprecated: {release.deprecated}" if release.deprecated else release.upgrade
    return servicecatalog.ProvisioningArtifactProperties(
        Name=release.version,
        Description=told or "first release",
        Type="CLOUD_FORMATION_TEMPLATE",
        Info=servicecatalog.Info(LoadTemplateFromURL=Sub(f"${{CatalogueUrl}}/{release.path}")),
    )


def _path(scenario: str) -> str:
    """The path of all roles that launches of the scenario make: no other roles are there."""
    return f"/${{AWS::StackName}}/{scenario}/"


def offer(shown: Portfolio, product: Product) -> None:
    """Put the product into the portfolio, launched by its role, and only with its boundary and its path of roles.

    The second is said where a launch is asked for, in words; that no role is made without the boundary is in the rights
    of the launch role. Layers, which are code, come from the portfolio's bucket or from none.
    https://docs.aws.amazon.com/servicecatalog/latest/adminguide/catalogs_constraints_template-constraints.html
    """
    t, title = product.t, product.title
    both = {"PortfolioId": Ref(shown.resource), "ProductId": Ref(product.resource)}
    offered = t.put(servicecatalog.PortfolioProductAssociation(f"{title}Offer", **both))
    t.put(
        servicecatalog.LaunchRoleConstraint(
            f"{title}LaunchedByRole",
            **both,
            Description=f"Launched by {product.role.title}, whatever rights the user has",
            RoleArn=GetAtt(product.role, "Arn"),
            DependsOn=[offered.title],
        )
    )
    wanted = {"PermissionsBoundaryArn": f"${{{product.boundary.title}}}", "RolePath": _path(product.scenario)}
    rules: dict[str, Any] = {
        f"{name}IsGiven": {
            "Assertions": [
                {
                    "Assert": {"Fn::Equals": [{"Ref": name}, value]},
                    "AssertDescription": f"{name} must be {value}: no role is made otherwise.",
                }
            ]
        }
        for name, value in wanted.items()
    }
    description = "With the boundary for roles, and under the path for roles, of this portfolio"
    if product.takes_layers:
        bucket = parameter(t, parameters.ARTIFACT_BUCKET).title
        ours = ["none", f"${{{bucket}}}"]
        rules[f"{bucket}IsOurs"] = {
            "Assertions": [
                {
                    "Assert": {"Fn::Contains": [ours, {"Ref": bucket}]},
                    "AssertDescription": f"{bucket} must be {' or '.join(ours)}: layers come from nowhere else.",
                }
            ]
        }
        description += ", with layers from its bucket"
    t.put(
        servicecatalog.LaunchTemplateConstraint(
            f"{title}LaunchedInBounds",
            **both,
            Description=description,
            Rules=Sub(json.dumps(rules)),
            DependsOn=[offered.title],
        )
    )


def let_launch(shown: Portfolio) -> str:
    """`LauncherArn` sees the portfolio and launches what is in it. Gives the condition under which somebody does.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-servicecatalog-portfolioprincipalassociation.html
    """
    t = shown.t
    on = given(t, parameters.LAUNCHERS)
    t.put(
        servicecatalog.PortfolioPrincipalAssociation(
            f"{shown.title}Launchers",
            PortfolioId=Ref(shown.resource),
            PrincipalARN=Ref(parameter(t, parameters.LAUNCHERS)),
            PrincipalType="IAM",
        ),
        when=on,
    )
    return on


# --- the launch role


def _allow_launches(
    t: ScenarioTemplate,
    made: iam.Role,
    title: str,
    scenario: str,
    templates: Sequence[Template],
    boundary: iam.ManagedPolicy,
) -> None:
    types = [
        kind for template in templates for one in template["Resources"].values() for kind in launch_rights.kinds(one)
    ]
    needed = launch_rights.rights(types)
    reads_layers = needed.pop(launch_rights.LAYERS, set())
    roles = needed.pop(launch_rights.ROLES, set())
    statements = grants.launch_stacks()
    statements += grants.launch({launch_rights.arn(pattern): actions for pattern, actions in needed.items()})
    arn = Sub("arn:${AWS::Partition}:iam::${AWS::AccountId}:role" + _path(scenario) + "*")
    statements += grants.launch_roles(roles, arn, Ref(boundary), sorted(_trusted(templates)))
    policies = [
        t.put(
            iam.ManagedPolicy(
                f"{title}LaunchRights{number}",
                Description=f"What a launch of {scenario} needs, part {number}",
                PolicyDocument=grants.document(*part),
            )
        )
        for number, part in enumerate(_parts(statements), start=1)
    ]
    made.ManagedPolicyArns = [Ref(policy) for policy in policies]
    if reads_layers:
        has = given(t, parameters.ARTIFACT_BUCKET)
        grant(made, "ReadLayers", grants.read_layers(), when=has)


def _parts(statements: Sequence[Any]) -> Iterator[list[Any]]:
    """The statements in their order, as many together as fit into one policy."""
    part: list[Any] = []
    size = 0
    for one in statements:
        characters = len(json.dumps(encode_to_dict(one), separators=(",", ":")))
        if part and size + characters > POLICY_CHARACTERS:
            yield part
            part, size = [], 0
        part.append(one)
        size += characters
    yield part


def _trusted(templates: Sequence[Template]) -> set[str]:
    """The services that the roles of these templates trust, and which therefore are passed these roles."""
    found: set[str] = set()
    for template in templates:
        for one in template["Resources"].values():
            if one["Type"] != "AWS::IAM::Role":
                continue
            for document in _sides(one["Properties"]["AssumeRolePolicyDocument"]):
                for statement in _all(document["Statement"]):
                    who = statement["Principal"]
                    found |= {str(name) for kind in ("Service", "Federated") for name in _all(who.get(kind, []))}
    return found


# --- the boundary


def _at_most(templates: Sequence[Template]) -> list[tuple[list[str], list[str], dict[str, dict[str, Any]]]]:
    """What the roles of these templates may do: actions, resources by the pattern of their kind, condition.

    Raises ValueError for what would let a role make rights, or cannot be said in advance.
    """
    found: dict[str, tuple[set[str], list[str], dict[str, dict[str, Any]]]] = {}
    for template in templates:
        for statement in _granted(template):
            actions = {str(action) for action in _all(statement["Action"])}
            unbounded = [one for one in actions if "*" in one or one.split(":")[0] in ("iam", "sts", "organizations")]
            if unbounded:
                raise ValueError(f"roles of a product may not hold {', '.join(sorted(unbounded))}")
            service = min(actions).split(":")[0]
            resources = sorted({_pattern(one, service, template) for one in _all(statement["Resource"])})
            condition = _condition(statement.get("Condition", {}), service, template)
            key = json.dumps([resources, condition], sort_keys=True)
            found.setdefault(key, (set(), resources, condition))[0].update(actions)
    return [(sorted(actions), resources, condition) for _, (actions, resources, condition) in sorted(found.items())]


def _granted(template: Template) -> Iterator[dict[str, Any]]:
    """Every statement that allows something to a role of the template, under whatever condition of the template."""
    for title, one in template["Resources"].items():
        properties = one.get("Properties", {})
        if one["Type"] == "AWS::IAM::Role":
            if properties.get("ManagedPolicyArns"):
                raise ValueError(
                    f"{title} has managed policies: what they allow cannot be bounded by what is written here"
                )
            documents = [policy["PolicyDocument"] for policy in _all(properties.get("Policies", []))]
        elif one["Type"] == "AWS::IAM::Policy":
            documents = [properties["PolicyDocument"]]
        else:
            continue
        for document in documents:
            yield from (s for s in _all(document["Statement"]) if s["Effect"] == "Allow")


def _pattern(resource: Any, service: str, template: Template) -> str:
    """The ARN of a resource as a pattern, in the words of Sub, that fits whatever AWS calls it in a launch."""
    match resource:
        case str():
            return resource.replace("${", "${!")  # no Sub: a variable in it is one of IAM
        case {"Ref": name} if name in template["Parameters"] and service in launch_rights.GIVEN:
            return launch_rights.arn(launch_rights.GIVEN[service])
        case {"Fn::GetAtt": [name, "Arn"]}:
            return _arn_of(name, template)
        case {"Fn::GetAtt": [name, "StreamArn"]}:
            return f"{_arn_of(name, template)}/stream/*"
        case {"Fn::Sub": str(text)}:
            text = re.sub(r"\$\{([A-Za-z0-9]+)\.Arn\}", lambda m: _arn_of(m[1], template), text)
            text = _of_a_kind(text)
            if all(name.startswith("AWS::") for name in _VARIABLE.findall(text)):
                return text
    raise ValueError(f"cannot say in advance which resource {json.dumps(resource)} will be")


def _of_a_kind(text: str) -> str:
    """An ARN that ends with a name which only the launch knows, as the pattern of all that may have it.

    Who launches gives the name, so where names tell, it must be of something that was launched.
    """
    found = re.fullmatch(r"(arn(?::(?:\$\{AWS::[A-Za-z]+\}|[a-z0-9-]*)){4}:)([a-z-]+)/\$\{[A-Za-z0-9]+\}", text)
    return f"{found[1]}{found[2]}/{launch_rights.NAMED.get(found[2], '*')}" if found else text


def _arn_of(name: str, template: Template) -> str:
    kind = template["Resources"][name]["Type"]
    if kind not in launch_rights.ARNS:
        raise ValueError(f"nobody has said what the ARN of an {kind} looks like: add it to launch_rights.ARNS")
    return launch_rights.arn(launch_rights.ARNS[kind])


def _condition(condition: Mapping[str, Mapping[str, Any]], service: str, template: Template) -> dict[str, Any]:
    """The condition as far as it can be said in advance; without the rest the boundary is wider, never narrower."""
    kept: dict[str, dict[str, Any]] = {}
    for operator, block in condition.items():
        for key, value in block.items():
            try:
                values = [_pattern(one, service, template) for one in _all(value)]
            except ValueError:
                continue
            if "*" not in "".join(values) or "Like" in operator:
                kept.setdefault(operator, {})[key] = values
    return kept


def _sides(value: Any) -> Iterator[Any]:
    """A value, or both sides of it where a condition of the template decides."""
    if isinstance(value, dict) and "Fn::If" in value:
        for side in value["Fn::If"][1:]:
            yield from _sides(side)
    elif value != {"Ref": "AWS::NoValue"}:
        yield value


def _all(value: Any) -> Iterator[Any]:
    """What may be in a list, or is alone."""
    for one in _sides(value):
        for element in one if isinstance(one, list) else [one]:
            yield from _sides(element)
