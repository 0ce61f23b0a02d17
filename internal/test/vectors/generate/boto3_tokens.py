"""Prints the tokens that boto3 makes of the requests in a file, as a vector file.

The caller sets the clock, see generate.sh. Arguments: requests.json."""

import json
import sys

import boto3

with open(sys.argv[1], encoding="utf-8") as file:
    given = json.load(file)

tokens = {}
for request in given["requests"]:
    credentials = given["credentials"][request["credentials"]]
    client = boto3.client(
        "rds",
        region_name=request["region"],
        aws_access_key_id=credentials["accessKeyId"],
        aws_secret_access_key=credentials["secretAccessKey"],
        aws_session_token=credentials["sessionToken"] or None,
    )
    tokens[request["name"]] = client.generate_db_auth_token(
        DBHostname=request["host"],
        Port=request["port"],
        DBUsername=request["user"],
        Region=request["region"],
    )

json.dump({"tool": "boto3", "version": boto3.__version__, "tokens": tokens}, sys.stdout, indent=2)
print()
