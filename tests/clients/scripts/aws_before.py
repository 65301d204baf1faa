"""What there is before the command line comes, made without the gateway; prints an instance's id."""

import sys

import boto3

URL = f"http://127.0.0.1:{sys.argv[1]}"
SESSION = boto3.Session("AKIAIOSFODNN7EXAMPLE", "secret", region_name="eu-west-1")
PLACE = {"LocationConstraint": "eu-west-1"}

s3, ec2 = SESSION.client("s3", endpoint_url=URL), SESSION.client("ec2", endpoint_url=URL)
for bucket in ("papers", "attic"):
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=PLACE)
s3.put_object(Bucket="attic", Key="old/letter", Body=b"dear")
SESSION.client("iam", endpoint_url=URL).create_user(UserName="bob")
SESSION.client("sqs", endpoint_url=URL).create_queue(QueueName="jobs")
SESSION.client("dynamodb", endpoint_url=URL).create_table(
    TableName="orders",
    AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    BillingMode="PAY_PER_REQUEST",
)
image = ec2.describe_images()["Images"][0]["ImageId"]
made = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, InstanceType="t3.micro")
print(made["Instances"][0]["InstanceId"])
