"""Make a public zone of Route 53 in the account on this machine, and print its id.

Run by the interpreter that has moto, with the server's URL and the zone's name as arguments.
"""

import sys

import boto3

url, name = sys.argv[1:]
route53 = boto3.client(
    "route53", endpoint_url=url, region_name="us-west-2", aws_access_key_id="key",
    aws_secret_access_key="secret",
)  # fmt: skip
made = route53.create_hosted_zone(Name=name, CallerReference="tests")
print(made["HostedZone"]["Id"].rpartition("/")[2])
