package rdsapi

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/rdsiam/rdsiam"
)

func (a api) findProxy(ctx context.Context, name string, endpoint rdsiam.Endpoint) (*Database, error) {
	proxy, err := a.proxy(ctx, name, endpoint)
	if err != nil {
		return nil, err
	}
	if host := value(proxy.Endpoint); host != endpoint.Host() {
		return nil, &NotFoundError{Type: "proxy", Name: name, Endpoint: endpoint, Host: host}
	}
	return proxyDatabase(*proxy)
}

func (a api) findProxyEndpoint(ctx context.Context, name string, endpoint rdsiam.Endpoint) (*Database, error) {
	output, err := a.DescribeDBProxyEndpoints(ctx, &rds.DescribeDBProxyEndpointsInput{DBProxyEndpointName: &name})
	if err != nil {
		return nil, explain(err, "proxy endpoint", name, endpoint)
	}
	if len(output.DBProxyEndpoints) == 0 {
		return nil, &AnswerError{Problem: "no proxy endpoint", Value: "nothing"}
	}
	found := output.DBProxyEndpoints[0]
	if host := value(found.Endpoint); host != endpoint.Host() {
		return nil, &NotFoundError{Type: "proxy endpoint", Name: name, Endpoint: endpoint, Host: host}
	}
	proxy, err := a.proxy(ctx, value(found.DBProxyName), endpoint)
	if err != nil {
		return nil, err
	}
	return proxyDatabase(*proxy)
}

func (a api) proxy(ctx context.Context, name string, endpoint rdsiam.Endpoint) (*types.DBProxy, error) {
	output, err := a.DescribeDBProxies(ctx, &rds.DescribeDBProxiesInput{DBProxyName: &name})
	if err != nil {
		return nil, explain(err, "proxy", name, endpoint)
	}
	if len(output.DBProxies) == 0 {
		return nil, &AnswerError{Problem: "no proxy", Value: "nothing"}
	}
	return &output.DBProxies[0], nil
}

func proxyDatabase(p types.DBProxy) (*Database, error) {
	// The API has no field for the id that policies name: it is the end of the ARN.
	text := value(p.DBProxyArn)
	resource, err := resourceOf(text, text[strings.LastIndexByte(text, ':')+1:])
	if err != nil {
		return nil, err
	}
	db := &Database{
		Type: TypeProxy, Name: value(p.DBProxyName), ARN: text, Resource: resource, Status: string(p.Status), Engine: value(p.EngineFamily),
		Proxy: &Proxy{RequireTLS: value(p.RequireTLS), DefaultAuthScheme: value(p.DefaultAuthScheme), RoleARN: value(p.RoleArn)},
	}
	db.IAM = db.Proxy.DefaultAuthScheme == string(types.DefaultAuthSchemeIamAuth)
	for _, auth := range p.Auth {
		db.Proxy.Auth = append(db.Proxy.Auth, ProxyAuth{string(auth.IAMAuth), value(auth.SecretArn)})
		db.IAM = db.IAM || auth.IAMAuth == types.IAMAuthModeRequired || auth.IAMAuth == types.IAMAuthModeEnabled
	}
	return db, nil
}
