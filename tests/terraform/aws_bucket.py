"""A bucket in the account on this machine: made, or looked into, or an object put there.

Run by the interpreter that has moto, with the server's URL, the bucket's name, and for an object
its key and content. Prints the keys that there are then.
"""

import sys

import boto3

url, bucket, *more = sys.argv[1:]
s3 = boto3.client(
    "s3", endpoint_url=url, region_name="us-west-2", aws_access_key_id="key",
    aws_secret_access_key="secret",
)  # fmt: skip
if bucket not in [one["Name"] for one in s3.list_buckets()["Buckets"]]:
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
if more:
    key, content = more
    s3.put_object(Bucket=bucket, Key=key, Body=content.encode())
for one in s3.list_objects_v2(Bucket=bucket).get("Contents", []):
    print(one["Key"])
