// Package dashboards holds a Grafana dashboard and alerts for Prometheus. Its tests evaluate
// them by Prometheus' own engine on what logins to rdsiamtest have recorded.
package dashboards

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"log/slog"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/util/teststorage"
	exporter "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/sdk/metric"

	"github.com/rdsiam/rdsiam"
	rdsotel "github.com/rdsiam/rdsiam/otel"
	rdspgx "github.com/rdsiam/rdsiam/pgx"
	"github.com/rdsiam/rdsiam/rdsiamtest"
)

// interval is that of scrapes and of the evaluation of rules.
const interval = 15 * time.Second

// service logs in, and is scraped at times that it makes up.
type service struct {
	t        *testing.T
	server   *rdsiamtest.Server
	observe  func(context.Context, rdsiam.Event)
	registry *prometheus.Registry
	storage  *teststorage.TestStorage
	engine   *promql.Engine
	now      time.Time
	alerts   map[string]*rules.AlertingRule
}

func newService(t *testing.T) *service {
	t.Helper()
	s := &service{t: t, server: rdsiamtest.StartPostgreSQL(t, rdsiamtest.WithIAMUser("app"), rdsiamtest.WithInMemory()),
		registry: prometheus.NewRegistry(), storage: teststorage.New(t), now: time.Unix(1_800_000_000, 0), alerts: make(map[string]*rules.AlertingRule)}
	reader, err := exporter.New(exporter.WithRegisterer(s.registry))
	if err != nil {
		t.Fatal(err)
	}
	if s.observe, err = rdsotel.Observer(rdsotel.WithMeterProvider(metric.NewMeterProvider(metric.WithReader(reader)))); err != nil {
		t.Fatal(err)
	}
	s.engine = promql.NewEngine(promql.EngineOpts{MaxSamples: 1_000_000, Timeout: time.Minute, LookbackDelta: 5 * time.Minute})
	t.Cleanup(func() { s.engine.Close() })
	for _, rule := range readAlerts(t) {
		expression, err := parser.NewParser(parser.Options{}).ParseExpr(rule.Expr)
		if err != nil {
			t.Fatal(err)
		}
		s.alerts[rule.Alert] = rules.NewAlertingRule(rule.Alert, expression, time.Duration(rule.For), 0, labels.FromMap(rule.Labels),
			labels.FromMap(rule.Annotations), labels.EmptyLabels(), "", true, slog.New(slog.DiscardHandler))
	}
	return s
}

func readAlerts(t *testing.T) (all []rulefmt.Rule) {
	t.Helper()
	text, err := os.ReadFile("alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	groups, errs := rulefmt.Parse(text, false, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler))
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	for _, group := range groups.Groups {
		all = append(all, group.Rules...)
	}
	return all
}

// logIn logs in once through a Connector that is observed.
func (s *service) logIn(tokens rdsiam.TokenSource, options ...rdsiam.EndpointOption) error {
	s.t.Helper()
	config, err := pgx.ParseConfig(s.server.DSN("app"))
	if err != nil {
		s.t.Fatal(err)
	}
	config.DialFunc, config.LookupFunc = s.server.DialContext, s.server.LookupHost
	pg, err := rdspgx.New(config, options...)
	if err != nil {
		s.t.Fatal(err)
	}
	db := sql.OpenDB(rdsiam.NewConnector(pg, tokens, rdsiam.WithObserver(s.observe)))
	defer db.Close()
	return db.PingContext(s.t.Context())
}

func (s *service) tokens(options ...rdsiam.TokenOption) rdsiam.TokenSource {
	return rdsiam.NewTokenSource(s.server.Credentials(), options...)
}

func (s *service) roots() rdsiam.EndpointOption { return rdsiam.WithRootCAs(s.server.RootCAs()) }

// pass lets time pass, and returns the alerts that fire at its end. Before each scrape it
// calls do.
func (s *service) pass(d time.Duration, do func()) (firing []string) {
	s.t.Helper()
	for end := s.now.Add(d); s.now.Before(end); {
		do()
		s.now = s.now.Add(interval)
		s.scrape()
		for _, alert := range s.alerts {
			if _, err := alert.Eval(s.t.Context(), 0, s.now, rules.EngineQueryFunc(s.engine, s.storage), new(url.URL), 0); err != nil {
				s.t.Fatal(err)
			}
		}
	}
	for name, alert := range s.alerts {
		if slices.ContainsFunc(alert.ActiveAlerts(), func(a *rules.Alert) bool { return a.State == rules.StateFiring }) {
			firing = append(firing, name)
		}
	}
	slices.Sort(firing)
	return firing
}

// scrape stores what the registry has, in the text that a server of Prometheus gets.
func (s *service) scrape() {
	s.t.Helper()
	families, err := s.registry.Gather()
	if err != nil {
		s.t.Fatal(err)
	}
	samples, err := expfmt.ExtractSamples(&expfmt.DecodeOptions{Timestamp: model.TimeFromUnixNano(s.now.UnixNano())}, families...)
	if err != nil {
		s.t.Fatal(err)
	}
	appender := s.storage.Appender(s.t.Context())
	for _, sample := range samples {
		named := labels.NewBuilder(labels.EmptyLabels())
		named.Set("job", "orders")
		for name, value := range sample.Metric {
			named.Set(string(name), string(value))
		}
		if _, err := appender.Append(0, named.Labels(), int64(sample.Timestamp), float64(sample.Value)); err != nil {
			s.t.Fatal(err)
		}
	}
	if err := appender.Commit(); err != nil {
		s.t.Fatal(err)
	}
}

func nothing() {}

// Every expression of the dashboard returns data from a service that logs in and fails.
func TestDashboard(t *testing.T) {
	s := newService(t)
	tokens := s.tokens()
	s.pass(5*time.Minute, func() {
		for range 2 {
			if err := s.logIn(tokens, s.roots()); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.logIn(s.tokens(rdsiam.WithReuse(0)), s.roots()); err != nil {
			t.Fatal(err)
		}
		s.server.SetFaults(rdsiamtest.Faults{RefuseNext: 1})
		if err := s.logIn(tokens, s.roots()); err == nil {
			t.Fatal("a login was not refused")
		}
	})
	text, err := os.ReadFile("logins.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	if len(dashboard.Panels) != 6 {
		t.Errorf("%d panels", len(dashboard.Panels))
	}
	variables := strings.NewReplacer("$server", ".*", "$__rate_interval", "1m")
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			query, err := s.engine.NewInstantQuery(t.Context(), s.storage, nil, variables.Replace(target.Expr), s.now)
			if err != nil {
				t.Errorf("%s: %v", panel.Title, err)
				continue
			}
			vector, err := query.Exec(t.Context()).Vector()
			if err != nil || len(vector) == 0 || vector[0].F != vector[0].F {
				t.Errorf("%s: %s returns %v, %v", panel.Title, target.Expr, vector, err)
			}
			query.Close()
		}
	}
}

// Each alert fires for its trouble alone, and clears when that is over.
func TestAlerts(t *testing.T) {
	noCredentials := rdsiam.NewTokenSource(aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{}, errors.New("no credentials")
	}))
	tests := map[string]func(*service){
		"DatabaseLoginRefused": func(s *service) {
			s.server.SetFaults(rdsiamtest.Faults{RefuseNext: 1})
			_ = s.logIn(s.tokens(), s.roots())
		},
		"NoDatabaseToken":               func(s *service) { _ = s.logIn(noCredentials, s.roots()) },
		"DatabaseCertificateNotTrusted": func(s *service) { _ = s.logIn(s.tokens()) }, // the roots of RDS
		// Thousands of logins for one scrape are more than a test has time for: the events of
		// one are reported again.
		"DatabaseLoginStorm": func(s *service) {
			var signed rdsiam.Event
			inner := s.observe
			s.observe = func(ctx context.Context, e rdsiam.Event) {
				if e.Kind == rdsiam.TokenSigned {
					signed = e
				}
				inner(ctx, e)
			}
			if err := s.logIn(s.tokens(), s.roots()); err != nil {
				t.Fatal(err)
			}
			s.observe = inner
			for range 101 * int(interval.Seconds()) {
				s.observe(t.Context(), signed)
			}
		},
	}
	if rules := readAlerts(t); len(rules) != len(tests) {
		t.Errorf("%d alerts, %d tests", len(rules), len(tests))
	}
	for name, trouble := range tests {
		t.Run(name, func(t *testing.T) {
			s := newService(t)
			well := func() {
				if err := s.logIn(s.tokens(), s.roots()); err != nil {
					t.Fatal(err)
				}
			}
			if firing := s.pass(10*time.Minute, well); len(firing) > 0 {
				t.Errorf("%v fire while nothing is wrong", firing)
			}
			if firing := s.pass(10*time.Minute, func() { trouble(s) }); !slices.Equal(firing, []string{name}) {
				t.Errorf("%v fire, want %s", firing, name)
			}
			if firing := s.pass(20*time.Minute, nothing); len(firing) > 0 {
				t.Errorf("%v fire when it is over", firing)
			}
		})
	}
}
