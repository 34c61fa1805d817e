"""What the code of a service is made with; what of it is imported is shipped in the service's function.

    caller ──▶ http ──▶ handler ──▶ client ──▶ another service
    queue, topic, stream, bucket ──▶ messages ──▶ handler ──▶ table
                                     handler ──▶ publishing ──▶ queue, stream, topic, bucket ──▶ another service
                                     all ──▶ progress ──▶ the platform's bus

It runs on Lambda's Python: standard library, boto3, botocore and urllib3, and nothing else of this package.
"""
