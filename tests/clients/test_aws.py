"""AWS's command line behind the gateway; moto, a process of its own, is the AWS that it reaches."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from yarl import URL

from tests.clients.conftest import HERE, PYTHON, Street, Streets
from tests.clients.front import Handler, forwarding
from tests.clients.robot import Signed
from tests.clients.test_platforms import listening
from tests.kit.ports import free_port
from tests.kit.process import clean_environment, run

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

AWS = str(PYTHON.with_name("aws"))
REGION = "eu-west-1"
IAM = "iam.amazonaws.com"
STS, DYNAMODB, EC2 = (f"{name}.{REGION}.amazonaws.com" for name in ("sts", "dynamodb", "ec2"))
PAPERS, ATTIC = (f"{bucket}.s3.{REGION}.amazonaws.com" for bucket in ("papers", "attic"))
QUEUES = f"{REGION}.queue.amazonaws.com"
"""SQS's former name, which this command line still asks for; others ask for sqs.eu-west-1.amazonaws.com."""
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_PAGER": "",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def moto() -> AsyncIterator[int]:
    port = free_port()
    command = (str(PYTHON.with_name("moto_server")), "-H", "127.0.0.1", "-p", str(port))
    quiet = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        *command, env=clean_environment(), stdout=quiet, stderr=quiet
    )
    try:
        await listening(port)
        yield port
    finally:
        process.terminate()
        await process.wait()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def opened(streets: Streets, moto: int) -> tuple[Street, str]:
    """The street, and the id of a machine that runs."""
    hosts = (STS, PAPERS, ATTIC, IAM, DYNAMODB, EC2, QUEUES)
    return await asyncio.gather(streets("{aws: , s3: }", dict.fromkeys(hosts, to(moto))), before(moto))


@pytest.fixture(scope="module")
def street(opened: tuple[Street, str]) -> Street:
    return opened[0]


@pytest.fixture(scope="module")
def machine(opened: tuple[Street, str]) -> str:
    return opened[1]


async def before(port: int) -> str:
    code, out, err = await run(str(PYTHON), str(HERE / "scripts" / "aws_before.py"), str(port))
    assert code == 0, err
    return out.strip()


def to(port: int) -> Handler:
    """Moto's answers; the one to a HEAD with the length that it tells, which S3's clients ask for."""
    forward = forwarding(port)

    async def answer(request: web.BaseRequest, body: bytes) -> web.StreamResponse:
        if request.method != "HEAD":
            return await forward(request, body)
        url = URL(f"http://127.0.0.1:{port}{request.raw_path}", encoded=True)
        async with aiohttp.ClientSession() as session, session.head(url, headers=request.headers) as given:
            return web.Response(status=given.status, headers=given.headers)

    return answer


async def aws(street: Street, *arguments: str) -> str:
    """It tries again by itself, as it does by default: the counts below would show it."""
    return await street.behind(AWS, *arguments, **ENVIRONMENT)


def only(street: Street) -> Signed:
    (signed,) = street.signed
    return signed


async def test_a_read_passes(street: Street) -> None:
    said = json.loads(await aws(street, "sts", "get-caller-identity"))
    assert said["Account"] == "123456789012"
    assert street.signed == []
    assert street.front.count("POST", STS, "/") == 1
    rows = (await street.gateway.ask("audit_list", chosen="", before=None, limit=10))["rows"]
    assert [(row["action"], row["decision"]) for row in rows if row["host"] == STS] == [
        ("/aws/sts/read", "allow")
    ]


async def test_a_file_goes_up_and_comes_back(street: Street, tmp_path: Path) -> None:
    """In chunks with a checksum at their end, after `Expect: 100-continue`."""
    paper, back = tmp_path / "paper", tmp_path / "back"
    paper.write_bytes(b"a page\n" * 1000)
    await aws(street, "s3", "cp", str(paper), "s3://papers/a/paper")
    put = only(street)
    assert (put.action, put.resource) == ("/s3/object/put_vhost", 'S3::Object::"papers/a/paper"')
    assert put.context["sha256"] == "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
    assert 7000 < int(put.context["size"]) < 7100
    await aws(street, "s3", "cp", "s3://papers/a/paper", str(back))
    assert street.signed == []
    assert back.read_bytes() == paper.read_bytes()
    assert [street.front.count(method, PAPERS, "/a/paper") for method in ("PUT", "HEAD", "GET")] == [1, 1, 1]


async def test_a_bucket_goes_with_what_is_in_it(street: Street) -> None:
    await aws(street, "s3", "rb", "--force", "s3://attic")
    letter, bucket = street.signed
    assert (letter.action, letter.resource) == ("/s3/object/delete_vhost", 'S3::Object::"attic/old/letter"')
    assert (bucket.action, bucket.resource) == ("/s3/bucket/delete_vhost", 'S3::Bucket::"attic"')
    assert bucket.context["region"] == REGION
    assert [street.front.count("DELETE", ATTIC, path) for path in ("/old/letter", "/")] == [1, 1]


async def test_an_access_key_is_made_and_handed_back(street: Street) -> None:
    said = json.loads(await aws(street, "iam", "create-access-key", "--user-name", "bob"))
    assert said["AccessKey"]["SecretAccessKey"]
    key = only(street)
    assert (key.action, key.resource) == ("/aws/iam/create_access_key", 'AWS::User::"bob"')
    assert key.context == {"service": "iam", "operation": "CreateAccessKey", "user": "bob"}
    assert street.front.count("POST", IAM, "/") == 1


async def test_a_table_is_deleted(street: Street) -> None:
    said = json.loads(await aws(street, "dynamodb", "delete-table", "--table-name", "orders"))
    assert said["TableDescription"]["TableName"] == "orders"
    table = only(street)
    assert (table.action, table.resource) == ("/aws/dynamodb/delete_table", f'AWS::Table::"{REGION}/orders"')
    assert (table.context["service"], table.context["operation"]) == ("dynamodb", "DeleteTable")
    assert street.front.count("POST", DYNAMODB, "/") == 1


async def test_a_machine_is_terminated(street: Street, machine: str) -> None:
    said = json.loads(await aws(street, "ec2", "terminate-instances", "--instance-ids", machine))
    assert said["TerminatingInstances"][0]["InstanceId"] == machine
    end = only(street)
    assert (end.action, end.resource) == ("/aws/ec2/terminate_instances", f'AWS::Service::"ec2/{REGION}"')
    assert (end.context["first"], end.context["operation"]) == (machine, "TerminateInstances")
    assert end.summary.startswith(f"Terminate for ever the instances {machine}")
    assert street.front.count("POST", EC2, "/") == 1


async def test_a_queue_is_purged_as_something_else_of_aws(street: Street) -> None:
    url = f"https://{QUEUES}/123456789012/jobs"
    await aws(street, "sqs", "purge-queue", "--queue-url", url)
    purge = only(street)
    assert (purge.action, purge.resource) == ("/aws/other/write", f'AWS::Service::"sqs/{REGION}"')
    assert (purge.context["service"], purge.context["operation"]) == ("sqs", "PurgeQueue")
    assert street.front.count("POST", QUEUES, "/") == 1
