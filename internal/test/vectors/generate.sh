#!/usr/bin/env bash
# Makes the vectors in testdata again, with the tools that are installed here: awscli and
# boto3 (Debian: awscli python3-boto3), node with npm, and faketime. PYTHON and AWS name
# other commands than python3 and aws. Without arguments it makes all; otherwise the
# arguments say which: awscli boto3 rds-signer go dsql-boto3 dsql-signer. dsql-boto3 needs a
# boto3 that knows Aurora DSQL, such as one of pip.
#
# No token is secret: the keys are the examples of the AWS documentation, and the tokens
# expired in January 2026.
set -euo pipefail
cd "$(dirname "$0")"

python=${PYTHON:-python3} aws=${AWS:-aws}
rds_signer=3.1169.0 dsql_signer=3.1142.0
requests=testdata/requests.json

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# at_that_time runs a command whose clock stands still at the instant of the vectors. The
# monotonic clock goes on: event loops wait by it. Settings of this machine for AWS must
# not reach the tools.
instant=$(sed -n 's/.*"time": "\(.*\)T\(.*\)Z".*/\1 \2/p' "$requests")
at_that_time() {
	env TZ=UTC FAKETIME_DONT_FAKE_MONOTONIC=1 \
		AWS_CONFIG_FILE="$work/none" AWS_SHARED_CREDENTIALS_FILE="$work/none" AWS_EC2_METADATA_DISABLED=true \
		PYTHONIOENCODING=utf-8 faketime -f "$instant" "$@"
}

# A file is replaced only when the whole of it was made.
keep() { mv "$work/vectors" "testdata/$1.json"; }

[ $# -gt 0 ] || set -- awscli boto3 rds-signer go dsql-boto3 dsql-signer
for tool; do
	echo "vectors of $tool"
	case $tool in
	awscli)
		at_that_time "$python" generate/awscli_tokens.py "$requests" "$aws" >"$work/vectors"
		keep "$tool"
		;;
	boto3)
		at_that_time "$python" generate/boto3_tokens.py "$requests" >"$work/vectors"
		keep "$tool"
		;;
	rds-signer)
		npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$work/npm" "@aws-sdk/rds-signer@$rds_signer"
		at_that_time node generate/rds_signer_tokens.js "$requests" "$work/npm" >"$work/vectors"
		keep "$tool"
		;;
	dsql-boto3)
		at_that_time "$python" generate/dsql_boto3_tokens.py "$requests" testdata/dsql-requests.json >"$work/vectors"
		keep "$tool"
		;;
	dsql-signer)
		npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$work/npm" "@aws-sdk/dsql-signer@$dsql_signer"
		at_that_time node generate/dsql_signer_tokens.js "$requests" testdata/dsql-requests.json "$work/npm" >"$work/vectors"
		keep "$tool"
		;;
	go) go test -run '^TestGoSDK$' -update . ;;
	*)
		echo "no tool $tool: awscli, boto3, rds-signer, go, dsql-boto3, dsql-signer" >&2
		exit 2
		;;
	esac
done
