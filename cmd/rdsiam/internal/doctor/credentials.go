package doctor

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/ssocreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/rdsapi"
)

// tokenLife is how long a token lives where its credentials live longer.
const tokenLife = 15 * time.Minute

// temporaryKey is how the ids of temporary keys begin.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids
const temporaryKey = "ASIA"

// checkCredentials gets credentials as a program would.
func checkCredentials(ctx context.Context, c *chart) Result {
	config, err := c.AWS(ctx)
	if err != nil {
		return failed("%v", err).fix("correct the profile or the files that it names", "aws configure list"+c.profileFlag())
	}
	if c.endpoint.IsZero() {
		config.Region = firstOf(c.Region, config.Region)
	}
	c.aws = &config
	if config.Credentials == nil {
		return failed("there are no AWS credentials").fix("log in, or set up a profile", c.getCredentials("", nil))
	}
	credentials, err := config.Credentials.Retrieve(ctx)
	if err != nil {
		return failed("there are no AWS credentials: %s", rdsapi.CredentialsProblem(err)).
			fix("log in, or set up a profile", c.getCredentials("", &rdsapi.NoCredentialsError{Err: err}))
	}
	if strings.HasPrefix(credentials.AccessKeyID, temporaryKey) && credentials.SessionToken == "" {
		return failed("the temporary key %s from %s has no session token, without which AWS refuses what it signs", credentials.AccessKeyID, credentials.Source).
			fix("copy AWS_SESSION_TOKEN (aws_session_token in a file) with the two keys, or get new credentials", c.getCredentials(credentials.Source, nil))
	}
	kind := "long-term key"
	if credentials.SessionToken != "" {
		kind = "temporary key"
	}
	result := found("%s %s from %s", kind, credentials.AccessKeyID, credentials.Source)
	if credentials.CanExpire {
		result.Found += ", until " + credentials.Expires.UTC().Format(time.RFC3339)
		switch left := time.Until(credentials.Expires); {
		case left <= 0:
			return failed("%s has expired", result.Found).fix("get new ones; a token dies with the credentials that signed it", c.getCredentials(credentials.Source, nil))
		case left < tokenLife:
			result = warning("%s", result.Found).fix("a token dies with the credentials that signed it: get new ones", c.getCredentials(credentials.Source, nil))
		}
	}
	c.credentials = credentials
	return result
}

// getCredentials is the command that logs in, as far as the provider of the credentials
// tells, or the error for which there are none.
func (c *chart) getCredentials(source string, err error) string {
	command := rdsapi.LoginCommand(err)
	if command == "" && (source == ssocreds.ProviderName || c.Profile != "") {
		command = "aws sso login"
	}
	switch {
	case command != "":
		return command + c.profileFlag()
	case source == config.CredentialsSourceName:
		return "unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN; aws configure sso"
	}
	return "aws configure sso"
}

// checkIdentity asks AWS whose the credentials are. Its answer, also a refusal, has the time.
func checkIdentity(ctx context.Context, c *chart) Result {
	if because := c.noAWS(); because != "" {
		return skipped("%s", because)
	}
	if c.aws == nil {
		return skipped("because of credentials: there is no AWS configuration")
	}
	output, err := c.callSTS(ctx, firstOf(c.endpoint.Region(), c.aws.Region, globalSTS))
	if c.credentials.AccessKeyID == "" {
		return skipped("because of credentials: there are none")
	}
	if err != nil {
		return c.explainSTS(ctx, err)
	}
	c.caller = caller{arn: aws.ToString(output.Arn), account: aws.ToString(output.Account)}
	parsed, err := arn.Parse(c.caller.arn)
	if err != nil {
		c.caller = caller{}
		return skipped("because AWS cannot be asked: something else answers in its place, as a proxy or a network that wants a login does")
	}
	c.caller.partition = parsed.Partition
	if partition := c.endpoint.Partition(); partition != "" && c.caller.partition != partition {
		return failed("%s is of the partition %s, and the database of %s", c.caller.arn, c.caller.partition, partition).
			fix("use credentials of the account that owns the database", "aws configure list-profiles")
	}
	for _, other := range []string{"ExecutionRole", "NodeInstanceRole", "NodeRole"} {
		if strings.Contains(c.caller.arn, other) {
			return warning("%s", c.caller.arn).fix("that is the role of the machinery, not of the program: ECS signs with the task role, EKS with that of the pod",
				c.whoAmI())
		}
	}
	return found("%s", c.caller.arn)
}

// globalSTS is where the global endpoint of STS is. Session tokens that it gave are unknown in
// regions that an account has to opt in to, unless the account has it otherwise.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_region-endpoints.html
const globalSTS = "us-east-1"

func (c *chart) callSTS(ctx context.Context, region string) (*sts.GetCallerIdentityOutput, error) {
	client := sts.NewFromConfig(*c.aws, func(o *sts.Options) {
		o.Region = region
		o.RetryMaxAttempts = 2
		if c.credentials.AccessKeyID == "" {
			o.Credentials = aws.AnonymousCredentials{} // refused, with the time
		}
	})
	output, err := client.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	received := time.Now()
	var answer *http.Response
	var refused *awshttp.ResponseError
	if errors.As(err, &refused) && refused.Response != nil {
		answer = refused.Response.Response
	} else if err == nil {
		if raw, ok := awsmiddleware.GetRawResponse(output.ResultMetadata).(*smithyhttp.Response); ok {
			answer = raw.Response
		}
	}
	if answer != nil {
		if date, err := http.ParseTime(answer.Header.Get("Date")); err == nil {
			skew := date.Sub(received)
			c.skew = &skew
		}
	}
	return output, err
}

func (c *chart) explainSTS(ctx context.Context, err error) Result {
	var refused smithy.APIError
	if !errors.As(err, &refused) {
		return skipped("because AWS cannot be asked: %s", rdsapi.CredentialsProblem(err))
	}
	source := c.credentials.Source
	c.stranger = true
	switch refused.ErrorCode() {
	case "ExpiredToken", "ExpiredTokenException":
		return failed("the credentials have expired: %s", refused.ErrorMessage()).fix("get new ones", c.getCredentials(source, nil))
	case "RequestExpired", "SignatureDoesNotMatch", "RequestTimeTooSkewed":
		if c.skew != nil && c.skew.Abs() > clockTolerance {
			c.stranger = false
			return skipped("because of the clock: AWS refuses the signature")
		}
		return failed("AWS refuses the signature: the secret key is not that of %s", c.credentials.AccessKeyID).fix("get the right one", c.getCredentials(source, nil))
	case "InvalidClientTokenId", "UnrecognizedClientException":
		if c.credentials.SessionToken != "" && c.endpoint.Region() != globalSTS {
			if _, err := c.callSTS(ctx, globalSTS); err == nil {
				return failed("the session token is of the global endpoint of STS, and %s does not know such ones: a token signed with it is refused there", c.endpoint.Region()).
					fix("get credentials from the endpoint of a region", "export AWS_STS_REGIONAL_ENDPOINTS=regional; "+c.getCredentials(source, nil))
			}
		}
		return failed("AWS does not know the key %s, or not with this session token", c.credentials.AccessKeyID).fix("get new credentials", c.getCredentials(source, nil))
	}
	c.stranger = false
	return warning("AWS does not tell whose the credentials are: %s: %s", refused.ErrorCode(), refused.ErrorMessage()).
		fix("see what the AWS CLI says", c.whoAmI())
}

func firstOf(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}
