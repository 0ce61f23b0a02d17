"""Prints the tokens that the AWS CLI makes of the requests in a file, as a vector file.

The caller sets the clock, see generate.sh. Arguments: requests.json, the command aws."""

import json
import os
import subprocess
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    given = json.load(file)
aws = sys.argv[2]


def run(*arguments, **environment):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    result = subprocess.run(
        [aws, *arguments], env=kept | environment, stdout=subprocess.PIPE, encoding="utf-8", check=True
    )
    return result.stdout.strip()


tokens = {}
for request in given["requests"]:
    credentials = given["credentials"][request["credentials"]]
    environment = {
        "AWS_ACCESS_KEY_ID": credentials["accessKeyId"],
        "AWS_SECRET_ACCESS_KEY": credentials["secretAccessKey"],
    }
    if credentials["sessionToken"]:
        environment["AWS_SESSION_TOKEN"] = credentials["sessionToken"]
    tokens[request["name"]] = run(
        "rds",
        "generate-db-auth-token",
        f"--hostname={request['host']}",
        f"--port={request['port']}",
        f"--region={request['region']}",
        f"--username={request['user']}",
        **environment,
    )

version = run("--version").split()[0].removeprefix("aws-cli/")
json.dump({"tool": "awscli", "version": version, "tokens": tokens}, sys.stdout, indent=2)
print()
