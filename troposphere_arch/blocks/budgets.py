"""Budgets."""

from __future__ import annotations

from troposphere import Ref, budgets

from .. import parameters
from ..conditions import all_of, given, in_region, negated
from ..parameters import both_or_neither, only_elsewhere, parameter
from ..template import ScenarioTemplate

# By the CloudFormation registry's schemas for each region, as cfn-lint 1.58 ships them.
REGIONS_WITHOUT = (
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-3",
    "ap-south-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-west-1",
    "eu-central-2",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "il-central-1",
    "me-central-1",
    "mx-central-1",
    "us-gov-east-1",
    "us-gov-west-1",
)
# (kind of figure, percent of the budget) at which the user is told.
NOTICES = (("ACTUAL", 80), ("FORECASTED", 100))


def monthly_budget(t: ScenarioTemplate, title: str) -> None:
    """A monthly budget of the account in US dollars, when one is given, that mails one address.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-budgets-budget.html
    """
    both_or_neither(t, parameters.MONTHLY_BUDGET, parameters.BUDGET_EMAIL)
    only_elsewhere(t, parameters.MONTHLY_BUDGET, "budgets", REGIONS_WITHOUT)
    here = negated(t, in_region(t, "RegionWithoutBudgets", REGIONS_WITHOUT))
    subscriber = budgets.Subscriber(Address=Ref(parameter(t, parameters.BUDGET_EMAIL)), SubscriptionType="EMAIL")
    t.put(
        budgets.Budget(
            title,
            Budget=budgets.BudgetData(
                BudgetLimit=budgets.Spend(Amount=Ref(parameter(t, parameters.MONTHLY_BUDGET)), Unit="USD"),
                BudgetType="COST",
                TimeUnit="MONTHLY",
            ),
            NotificationsWithSubscribers=[
                budgets.NotificationWithSubscribers(
                    Notification=budgets.Notification(
                        ComparisonOperator="GREATER_THAN",
                        NotificationType=kind,
                        Threshold=percent,
                        ThresholdType="PERCENTAGE",
                    ),
                    Subscribers=[subscriber],
                )
                for kind, percent in NOTICES
            ],
        ),
        when=all_of(t, given(t, parameters.MONTHLY_BUDGET), here),
    )
