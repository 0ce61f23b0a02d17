"""Prints the tokens of Aurora DSQL that boto3 makes of the requests in a file, as a vector file.

The caller sets the clock, see generate.sh. Arguments: requests.json, which has the
credentials, and dsql-requests.json."""

import json
import sys

import boto3

with open(sys.argv[1], encoding="utf-8") as file:
    keys = json.load(file)["credentials"]
with open(sys.argv[2], encoding="utf-8") as file:
    requests = json.load(file)

tokens = {}
for request in requests:
    credentials = keys[request["credentials"]]
    client = boto3.client(
        "dsql",
        region_name=request["region"],
        aws_access_key_id=credentials["accessKeyId"],
        aws_secret_access_key=credentials["secretAccessKey"],
        aws_session_token=credentials["sessionToken"] or None,
    )
    generate = client.generate_db_connect_admin_auth_token if request["user"] == "admin" else client.generate_db_connect_auth_token
    tokens[request["name"]] = generate(request["host"], request["region"], request["expires"])

json.dump({"tool": "boto3", "version": boto3.__version__, "tokens": tokens}, sys.stdout, indent=2)
print()
