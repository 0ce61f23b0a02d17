package rdsotel_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"

	"github.com/rdsiam/rdsiam"
	rdsotel "github.com/rdsiam/rdsiam/otel"
	rdspgx "github.com/rdsiam/rdsiam/pgx"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// stage is a server with an observer whose spans and metrics stay in memory.
type stage struct {
	server  *rdsiamtest.Server
	spans   *tracetest.InMemoryExporter
	tracer  trace.Tracer
	reader  *metric.ManualReader
	observe func(context.Context, rdsiam.Event)
}

func newStage(t *testing.T, options ...rdsotel.Option) *stage {
	t.Helper()
	s := &stage{server: rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithIAMUser("app")), spans: tracetest.NewInMemoryExporter(), reader: metric.NewManualReader()}
	tracing := sdktrace.NewTracerProvider(sdktrace.WithSyncer(s.spans))
	s.tracer = tracing.Tracer("test")
	options = append([]rdsotel.Option{rdsotel.WithTracerProvider(tracing), rdsotel.WithMeterProvider(metric.NewMeterProvider(metric.WithReader(s.reader))),
		rdsotel.WithAttributes(attribute.String("db.system.name", "postgresql"))}, options...)
	var err error
	if s.observe, err = rdsotel.Observer(options...); err != nil {
		t.Fatal(err)
	}
	return s
}

// logIn logs in under a span and returns the error.
func (s *stage) logIn(t *testing.T, ctx context.Context, user string, tokens rdsiam.TokenSource, options ...rdsiam.EndpointOption) error {
	t.Helper()
	config, err := pgx.ParseConfig(s.server.DSN(user))
	if err != nil {
		t.Fatal(err)
	}
	config.DialFunc, config.LookupFunc = s.server.DialContext, s.server.LookupHost
	if options == nil {
		options = []rdsiam.EndpointOption{rdsiam.WithRootCAs(s.server.RootCAs())}
	}
	pg, err := rdspgx.New(config, options...)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(rdsiam.NewConnector(pg, tokens, rdsiam.WithObserver(s.observe)))
	defer db.Close()
	ctx, span := s.tracer.Start(ctx, "GET /orders")
	defer span.End()
	return db.PingContext(ctx)
}

// points returns the histograms: name, attributes and count, a line each.
func (s *stage) points(t *testing.T) (lines []string) {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := s.reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			if m.Unit != "s" {
				t.Errorf("%s is in %q", m.Name, m.Unit)
			}
			for _, point := range m.Data.(metricdata.Histogram[float64]).DataPoints {
				var words []string
				for _, a := range point.Attributes.ToSlice() {
					if a.Key != "server.address" && a.Key != "server.port" && a.Key != "db.system.name" {
						words = append(words, string(a.Key)+"="+a.Value.String())
					}
				}
				if !strings.HasPrefix(m.Name, "rdsiam.") {
					// of the conventions, which have other attributes
				} else if !point.Attributes.HasValue("server.address") || !point.Attributes.HasValue("server.port") || !point.Attributes.HasValue("db.system.name") {
					t.Errorf("%s lacks attributes: %v", m.Name, point.Attributes.ToSlice())
				}
				lines = append(lines, fmt.Sprintf("%s %s: %d", m.Name, strings.Join(words, " "), point.Count))
			}
		}
	}
	slices.Sort(lines)
	return lines
}

func TestObserver(t *testing.T) {
	s := newStage(t)
	tokens := rdsiam.NewTokenSource(s.server.Credentials())
	for range 2 {
		if err := s.logIn(t, t.Context(), "app", tokens); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.logIn(t, t.Context(), "stranger", tokens); err == nil {
		t.Fatal("a stranger logged in")
	}
	want := []string{
		"rdsiam.login.duration : 2",
		"rdsiam.login.duration error.type=no-rds-iam-role: 1",
		"rdsiam.token.duration rdsiam.token.reused=false: 2",
		"rdsiam.token.duration rdsiam.token.reused=true: 1",
	}
	if got := s.points(t); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}

	var names []string
	for _, span := range s.spans.GetSpans() {
		if span.Name == "GET /orders" {
			continue
		}
		names = append(names, fmt.Sprintf("%s %v %v", span.Name, span.SpanKind, span.Status.Code))
		if !span.Parent.IsValid() {
			t.Errorf("%s has no parent", span.Name)
		}
		if d := span.EndTime.Sub(span.StartTime); d <= 0 || d > time.Minute {
			t.Errorf("%s took %v", span.Name, d)
		}
		text := fmt.Sprint(span.Attributes, span.Status)
		if !strings.Contains(text, "rdsiam.user") || strings.Contains(text, "X-Amz") || strings.Contains(text, "\n") {
			t.Errorf("%s has %s", span.Name, text)
		}
	}
	wantSpans := []string{"rdsiam.token internal Unset", "rdsiam.login client Unset", "rdsiam.login client Unset",
		"rdsiam.token internal Unset", "rdsiam.login client Error"}
	if !slices.Equal(names, wantSpans) {
		t.Errorf("spans %q, want %q", names, wantSpans)
	}
	if status := s.spans.GetSpans()[len(s.spans.GetSpans())-2].Status; status.Code != codes.Error || !strings.HasPrefix(status.Description, "rdsiam: login as ") {
		t.Errorf("status %+v", status)
	}
}

// Each way to fail has its error.type.
func TestErrorTypes(t *testing.T) {
	tests := []struct {
		want string
		fail func(*testing.T, *stage) error
	}{
		{"28000", func(t *testing.T, s *stage) error {
			s.server.SetFaults(rdsiamtest.Faults{RefuseNext: 1})
			return s.logIn(t, t.Context(), "app", rdsiam.NewTokenSource(s.server.Credentials()))
		}},
		{"credentials", func(t *testing.T, s *stage) error {
			return s.logIn(t, t.Context(), "app", rdsiam.NewTokenSource(aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
				return aws.Credentials{}, errors.New("no credentials")
			})))
		}},
		{"certificate", func(t *testing.T, s *stage) error {
			return s.logIn(t, t.Context(), "app", rdsiam.NewTokenSource(s.server.Credentials()), rdsiam.WithRegion("us-east-1"))
		}},
		{"network", func(t *testing.T, s *stage) error {
			s.server.SetFaults(rdsiamtest.Faults{CutAfter: -1})
			return s.logIn(t, t.Context(), "app", rdsiam.NewTokenSource(s.server.Credentials()))
		}},
		{"config", func(t *testing.T, s *stage) error {
			return s.logIn(t, t.Context(), "app", rdsiam.TokenSourceFunc(func(context.Context, rdsiam.Login) (rdsiam.Token, error) {
				return rdsiam.NewToken("no token", time.Time{}), nil
			}))
		}},
		{"canceled", func(t *testing.T, s *stage) error {
			ctx, cancel := context.WithCancel(t.Context())
			return s.logIn(t, ctx, "app", rdsiam.TokenSourceFunc(func(ctx context.Context, _ rdsiam.Login) (rdsiam.Token, error) {
				cancel()
				return rdsiam.Token{}, ctx.Err()
			}))
		}},
		{"timeout", func(t *testing.T, s *stage) error {
			s.server.SetFaults(rdsiamtest.Faults{TLSDelay: time.Hour})
			defer s.server.SetFaults(rdsiamtest.Faults{})
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			return s.logIn(t, ctx, "app", rdsiam.NewTokenSource(s.server.Credentials()))
		}},
	}
	for _, test := range tests {
		t.Run(test.want, func(t *testing.T) {
			s := newStage(t, rdsotel.WithoutAccessKeyID())
			err := test.fail(t, s)
			found := false
			for _, span := range s.spans.GetSpans() {
				for _, a := range span.Attributes {
					found = found || span.Name == "rdsiam.login" && a.Key == "error.type" && a.Value.AsString() == test.want
					if a.Key == "rdsiam.access_key_id" {
						t.Errorf("%s has a key", span.Name)
					}
				}
			}
			if !found {
				t.Errorf("%v is not of the type %s: %v", err, test.want, s.points(t))
			}
		})
	}
}

// Users of pgx's hook get the same by a tracer, although its errors are the driver's.
func TestTracer(t *testing.T) {
	s := newStage(t, rdsotel.WithPoolName("orders"))
	logIn := func(tokens rdsiam.TokenSource, options ...rdsiam.EndpointOption) {
		t.Helper()
		config, err := pgx.ParseConfig(s.server.DSN("app"))
		if err != nil {
			t.Fatal(err)
		}
		config.DialFunc, config.LookupFunc = s.server.DialContext, s.server.LookupHost
		config.Tracer = rdspgx.Tracer(s.observe)
		if err := rdspgx.BeforeConnect(tokens, options...)(t.Context(), config); err != nil {
			t.Fatal(err)
		}
		if conn, err := pgx.ConnectConfig(t.Context(), config); err == nil {
			conn.Close(t.Context())
		}
	}
	tokens, roots := rdsiam.NewTokenSource(s.server.Credentials()), rdsiam.WithRootCAs(s.server.RootCAs())
	logIn(tokens, roots)
	logIn(tokens) // the roots of RDS
	s.server.SetFaults(rdsiamtest.Faults{RefuseNext: 1})
	logIn(tokens, roots)
	logIn(rdsiam.NewTokenSource(aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{}, errors.New("no credentials")
	})), roots)
	s.server.SetFaults(rdsiamtest.Faults{CutAfter: -1})
	logIn(tokens, roots)
	want := []string{
		"db.client.connection.create_time db.client.connection.pool.name=orders: 1",
		"rdsiam.login.duration : 1",
		"rdsiam.login.duration db.response.status_code=28000 error.type=28000: 1",
		"rdsiam.login.duration error.type=certificate: 1",
		"rdsiam.login.duration error.type=credentials: 1",
		"rdsiam.login.duration error.type=network: 1",
		"rdsiam.token.duration error.type=credentials rdsiam.token.reused=false: 1",
		"rdsiam.token.duration rdsiam.token.reused=false: 1",
		"rdsiam.token.duration rdsiam.token.reused=true: 2",
	}
	if got := s.points(t); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, span := range s.spans.GetSpans() {
		if span.Name == "rdsiam.login" && span.Status.Code == codes.Unset && !slices.ContainsFunc(span.Attributes, func(a attribute.KeyValue) bool {
			return a.Key == "rdsiam.token.age" && a.Value.AsFloat64() > 0 && a.Value.AsFloat64() < 60
		}) {
			t.Errorf("a login without the age of its token: %v", span.Attributes)
		}
	}
}
