"""Arrows of mail: who sends it, who gets it, and what is done about mail that failed."""

from __future__ import annotations

from troposphere import Ref

from .. import grants, outputs
from ..blocks.awslambda import Function
from ..blocks.iam import grant
from ..blocks.ses import Sender
from ..blocks.sqs import Queue
from ..template import Node
from .ends import beside, expect_end, stays_outside, tell, uses_key, variable


def sends(function: Function, mail: Sender, to: Node) -> None:
    """The function sends mail from the one address of the sender, in its configuration set; outside any network."""
    expect_end(function, Function, "sends")
    expect_end(mail, Sender, "sends")
    stays_outside(function, mail.title)
    statements = grants.send_mail(mail.identity_arn, mail.resource, mail.address)
    grant(function.role, f"Send{mail.title}", statements, when=beside(function, mail.when))
    tell(function, "SENDER_ADDRESS", mail.address, mail.when)
    tell(function, "SENDER_IDENTITY_ARN", mail.identity_arn, mail.when)
    tell(function, variable(mail, "SET"), Ref(mail.resource), mail.when)
    function.t.record(function, "sends", mail)
    mail.t.record(mail, "mails", to)


def redrives(function: Function, queue: Queue) -> None:
    """The function takes messages out of the queue once it has seen to what they tell of; invoked by hand.

    Makes the output `<function>Function`, which is its name.
    """
    expect_end(function, Function, "redrives")
    expect_end(queue, Queue, "redrives")
    stays_outside(function, queue.title)
    when = beside(function, queue.when)
    grant(function.role, f"Take{queue.title}", grants.take_messages(queue.resource), when=when)
    uses_key(function.t, function.role, f"UseKeyOf{queue.title}", "sqs", write=False, when=when)
    tell(function, variable(queue, "QUEUE"), Ref(queue.resource), queue.when)
    told = f"Function to invoke by hand once the cause of what is in {queue.title} is gone."
    outputs.output(function.t, f"{function.title}Function", Ref(function.resource), told, when=function.when)
    function.t.record(function, "redrives", queue)
