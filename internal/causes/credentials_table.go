package causes

import (
	"context"
	"errors"
)

// The causes that no error of the SDK stands for.
var (
	NoKeys = Credentials{"credentials-empty",
		"the credentials provider returned no access key id, or one without a secret access key",
		"check the variables or the profile that it reads", false}
	CredentialsExpired = Credentials{"credentials-expired",
		"the AWS credentials have expired, and the provider has no others",
		"compare this machine's clock with the Date header of any AWS response; if it is right, look at what issues the credentials", true}
	SigningFailed = Credentials{"signing-failed",
		"the SDK could not sign a token",
		"check the endpoint and user, and whether this version of the SDK is one that rdsiam was tested with", false}
	SourceFailed = Credentials{"token-source-failed",
		"the token source failed", "", true} // its error says more
	TokenExpired = Credentials{"token-expired",
		"the token source returned a token that has expired",
		"check what the token source keeps, and this machine's clock", true}
)

// credentialsTable is what the SDK's providers return and what it means: the first row that
// applies counts. The texts are those of aws-sdk-go-v2 where an error has no type that can
// be named; internal/test/credentials makes each of them with the real provider.
var credentialsTable = []credentialsRule{
	{
		when: func(s credentialsSymptom) bool { return errors.Is(s.Err, context.Canceled) },
		cause: Credentials{"canceled",
			"the login was canceled before there were AWS credentials", "", false},
	},
	{
		texts: []string{"access disabled to EC2 IMDS", "static credentials are empty", "the AnonymousCredentials is not a valid credential provider"},
		cause: Credentials{"credentials-not-configured",
			"no AWS credentials are configured",
			"set AWS_PROFILE to a profile, or give the program a role", false},
	},

	// Nothing came back.
	{
		when: func(s credentialsSymptom) bool { return s.Hung && s.Container },
		cause: Credentials{"container-credentials-hung",
			"the container credentials endpoint has not answered for over a minute",
			"restart the program, and limit the provider: config.WithEndpointCredentialOptions(func(o *endpointcreds.Options) { o.HTTPClient = awshttp.NewBuildableClient().WithTimeout(5 * time.Second) })", true},
	},
	{
		when: func(s credentialsSymptom) bool { return s.Hung },
		cause: Credentials{"credentials-hung",
			"the service that issues the AWS credentials has not answered for over a minute",
			"restart the program, and limit the provider: config.WithHTTPClient(awshttp.NewBuildableClient().WithTimeout(10 * time.Second))", true},
	},
	{
		when: func(s credentialsSymptom) bool { return s.Silent },
		cause: Credentials{"credentials-silent",
			"the service that issues the AWS credentials did not answer in time",
			"check that it can be reached from here (container agent, STS, SSO), and the deadline of the login", true},
	},

	// What can happen to every service. A wrong clock reads like a wrong key.
	{
		when: credentialsSymptom.throttled,
		cause: Credentials{"credentials-throttled",
			"the service that issues the AWS credentials throttles its callers",
			"share one aws.Config and one token source in the program; retry with exponential backoff", true},
	},
	{
		texts: []string{"Signature expired", "Signature not yet current", "RequestTimeTooSkewed", "RequestExpired"},
		cause: Credentials{"clock-wrong",
			"AWS refuses the time of this machine",
			"compare its clock with the Date header of any AWS response, and correct it", false},
	},

	// SSO and aws login, also as the source of a role.
	{
		texts: []string{"cached SSO token", "the SSO session has expired or is invalid"},
		cause: ssoSessionEnded,
	},
	{
		services: []string{"SSO OIDC"},
		codes:    []string{"InvalidGrantException", "ExpiredTokenException", "UnauthorizedClientException", "InvalidClientException", "AccessDeniedException"},
		cause:    ssoSessionEnded,
	},
	{
		services: []string{"SSO"},
		codes:    []string{"UnauthorizedException"},
		cause:    ssoSessionEnded,
	},
	{
		services: []string{"SSO"},
		codes:    []string{"ForbiddenException", "ResourceNotFoundException", "InvalidRequestException"},
		cause: Credentials{"sso-role-denied",
			"SSO refuses the account or role of the profile",
			"check sso_account_id and sso_role_name of the profile, and the user's assignment to them in IAM Identity Center", false},
	},
	{
		texts: []string{"you may be missing permissions for the CreateOAuth2Token action"},
		cause: Credentials{"login-session-denied",
			"the identity of the aws login session may not refresh it",
			"allow signin:CreateOAuth2Token to it, as the managed policy SignInLocalDevelopmentAccess does", false},
	},
	{
		texts: []string{"please reauthenticate", "load login token", "validate login token"},
		cause: Credentials{"login-session-ended",
			"the aws login session has ended, or there is none",
			"run aws login with the profile that the program uses", false},
	},

	// Roles.
	{
		texts: []string{"failed to retrieve jwt"},
		cause: Credentials{"web-identity-file",
			"the web identity token file cannot be read",
			"check AWS_WEB_IDENTITY_TOKEN_FILE or web_identity_token_file; on EKS check the role annotation of the pod's service account", false},
	},
	{
		codes: []string{"ExpiredTokenException"},
		cause: Credentials{"web-identity-expired",
			"the web identity token has expired",
			"check what renews the token file (on EKS the kubelet), and this machine's clock", true},
	},
	{
		codes: []string{"InvalidIdentityToken", "IDPCommunicationError", "IDPRejectedClaim"},
		cause: Credentials{"web-identity-rejected",
			"STS does not accept the web identity token",
			"check that IAM has an OIDC provider for the token's issuer, with its audience", false},
	},
	{
		services: []string{"STS"},
		codes:    []string{"AccessDenied", "AccessDeniedException"},
		cause: Credentials{"assume-role-denied",
			"the role may not be assumed",
			"allow it in the role's trust policy, and sts:AssumeRole to the identity that assumes it", false},
	},
	{
		services: []string{"STS"},
		codes:    []string{"ExpiredToken", "InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch", "IncompleteSignature", "MissingAuthenticationToken"},
		cause: Credentials{"source-credentials-rejected",
			"STS does not accept the credentials that assume the role",
			"renew those of source_profile or of the environment", false},
	},
	{
		services: []string{"STS"},
		codes:    []string{"ValidationError", "MalformedPolicyDocument", "PackedPolicyTooLarge", "RegionDisabledException"},
		cause: Credentials{"assume-role-invalid",
			"STS refuses the request for the role",
			"check role_arn, duration_seconds and the region of the profile", false},
	},

	// credential_process.
	{
		texts: []string{"credential process timed out"},
		cause: Credentials{"process-timeout",
			"the credential_process did not end in time",
			"run the command of the profile by hand; it must not wait for input", true},
	},
	{
		texts: []string{"error in credential_process"},
		cause: Credentials{"process-failed",
			"the credential_process failed",
			"run the command of the profile by hand, as the user and in the environment of the program", true},
	},
	{
		texts: []string{"process provider error"},
		cause: Credentials{"process-output",
			"the credential_process did not print the credentials that it must print",
			"run the command of the profile by hand: it must print one JSON object with Version 1, the keys and an RFC 3339 Expiration, and nothing else", false},
	},

	// EC2.
	{
		services: []string{"ec2imds"},
		when:     func(s credentialsSymptom) bool { return s.status(404, 404) },
		cause: Credentials{"instance-role-missing",
			"the EC2 instance has no role",
			"attach an instance profile to it", false},
	},
	{
		texts: []string{"unexpected empty EC2 IMDS role list"},
		cause: Credentials{"instance-role-missing",
			"the EC2 instance has no role",
			"attach an instance profile to it", false},
	},
	{
		services: []string{"ec2imds"},
		when:     func(s credentialsSymptom) bool { return len(s.statuses) == 0 },
		cause: Credentials{"imds-unreachable",
			"the instance metadata service (IMDS) does not answer, and no other credentials are configured",
			"outside EC2 set AWS_PROFILE to a profile; in a container on EC2 raise the metadata hop limit to 2, or give the container a role", true},
	},
	{
		services: []string{"ec2imds"},
		cause:    imdsFailed,
	},
	{
		texts: []string{"EC2 IMDS role credentials"}, // an answer without credentials
		cause: imdsFailed,
	},

	// Container endpoints of ECS and EKS Pod Identity.
	{
		texts: []string{"resolve auth token"},
		cause: Credentials{"container-token-file",
			"the authorization token of the container credentials endpoint cannot be read",
			"check AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE, and the pod identity association of the service account", false},
	},
	{
		when: func(s credentialsSymptom) bool { return s.Container && s.status(401, 401) },
		cause: Credentials{"container-token-expired",
			"the container credentials endpoint does not accept the authorization token",
			"check what renews the token file; it may pass", true},
	},
	{
		when: func(s credentialsSymptom) bool { return s.Container && s.status(400, 499) },
		cause: Credentials{"container-credentials-denied",
			"the container credentials endpoint refuses to give credentials",
			"check the task role (ECS) or the pod identity association (EKS)", false},
	},
	{
		when: func(s credentialsSymptom) bool { return s.Container },
		cause: Credentials{"container-credentials-failed",
			"the container credentials endpoint cannot be reached or answers with an error",
			"see the log of the container agent (ECS agent, EKS Pod Identity agent)", true},
	},

	{
		when: credentialsSymptom.unreachable,
		cause: Credentials{"credentials-unreachable",
			"the service that issues the AWS credentials cannot be reached or fails",
			"check the network, DNS and proxy settings between here and it", true},
	},
	{
		cause: Credentials{"credentials-failed",
			"cannot get AWS credentials",
			"check the profile or role that the program runs with, and that their service (IMDS, STS, SSO) can be reached", true},
	},
}

var (
	ssoSessionEnded = Credentials{"sso-session-ended",
		"the SSO session has ended, or there is none",
		"run aws sso login with the profile that the program uses", false}
	imdsFailed = Credentials{"imds-failed",
		"the instance metadata service (IMDS) answers without credentials",
		"check the instance's role and its trust policy; it may pass", true}
)
