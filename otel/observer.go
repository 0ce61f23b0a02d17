// Package rdsotel makes OpenTelemetry spans and metrics of logins:
//
//	observe, err := rdsotel.Observer(rdsotel.WithAttributes(semconv.DBSystemNamePostgreSQL))
//	db := sql.OpenDB(rdsiam.NewConnector(pg, tokens, rdsiam.WithObserver(observe)))
//	poolConfig.ConnConfig.Tracer = rdspgx.Tracer(observe) // with the hook of pgx
//
// The metrics are two histograms in seconds, rdsiam.login.duration and rdsiam.token.duration, with
// the attributes server.address, server.port, those of [WithAttributes], on failures error.type and
// db.response.status_code, and for tokens rdsiam.token.reused. They never carry a user, a key or the
// text of an error. Logins are not in db.client.operation.duration, whose latencies of queries they
// would spoil.
//
// The spans are rdsiam.login of kind CLIENT and, for tokens that were signed or failed, rdsiam.token.
// Both are children of the span in the caller's context: database/sql also connects in the
// background, with a context that has none. They carry rdsiam.user, rdsiam.access_key_id and, in
// seconds, rdsiam.token.age too.
//
// With [WithPoolName], logins that succeed are also in db.client.connection.create_time.
//
// error.type is one of: the SQLSTATE or MySQL error number of the server's answer; config,
// credentials, certificate, canceled, timeout, network; the code of the likeliest [rdsiam.Cause],
// such as no-rds-iam-role; _OTHER.
//
// There is no convention of OpenTelemetry for logins; server.*, error.type and
// db.response.status_code are used as the conventions for databases have them.
// https://opentelemetry.io/docs/specs/semconv/database/
package rdsotel

import (
	"context"
	"strings"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/internal/errortype"
)

const scope = "github.com/rdsiam/rdsiam/otel"

// buckets are the bounds of the histograms, in seconds.
var buckets = []float64{.001, .005, .01, .05, .1, .5, 1, 5, 10}

// Option changes what [Observer] makes.
type Option func(*observer)

// WithTracerProvider sets where spans go, in the place of the global provider.
func WithTracerProvider(provider trace.TracerProvider) Option {
	return func(o *observer) { o.tracer = provider.Tracer(scope) }
}

// WithMeterProvider sets where metrics go, in the place of the global provider.
func WithMeterProvider(provider metric.MeterProvider) Option {
	return func(o *observer) { o.meter = provider.Meter(scope) }
}

// WithAttributes adds attributes to all spans and metrics. The conventions require db.system.name,
// which an event does not know: semconv.DBSystemNamePostgreSQL, MySQL or MariaDB.
func WithAttributes(attributes ...attribute.KeyValue) Option {
	return func(o *observer) { o.attributes = append(o.attributes, attributes...) }
}

// WithoutAccessKeyID leaves rdsiam.access_key_id out of spans. It is no secret.
func WithoutAccessKeyID() Option { return func(o *observer) { o.withoutKey = true } }

// WithPoolName adds the metric db.client.connection.create_time of the conventions for pools, which
// is in development there, with name as db.client.connection.pool.name. A new connection takes as
// long as its login.
func WithPoolName(name string) Option { return func(o *observer) { o.pool = name } }

// Observer returns a function for [rdsiam.WithObserver]. It is safe for concurrent use. Errors are
// those of the meter.
func Observer(options ...Option) (func(context.Context, rdsiam.Event), error) {
	o := &observer{tracer: otel.Tracer(scope), meter: otel.Meter(scope)}
	for _, option := range options {
		option(o)
	}
	var err error
	if o.logins, err = o.histogram("rdsiam.login.duration", "Time from the first dial to a session or an error."); err != nil {
		return nil, err
	}
	if o.tokens, err = o.histogram("rdsiam.token.duration", "Time to get a token, which includes waiting for AWS credentials."); err != nil {
		return nil, err
	}
	if o.pool != "" {
		if o.created, err = o.histogram("db.client.connection.create_time", "The time it took to create a new connection."); err != nil {
			return nil, err
		}
	}
	return o.observe, nil
}

type observer struct {
	tracer         trace.Tracer
	meter          metric.Meter
	attributes     []attribute.KeyValue
	withoutKey     bool
	pool           string
	logins, tokens metric.Float64Histogram
	created        metric.Float64Histogram // nil without pool
}

func (o *observer) histogram(name, description string) (metric.Float64Histogram, error) {
	return o.meter.Float64Histogram(name, metric.WithUnit("s"), metric.WithDescription(description), metric.WithExplicitBucketBoundaries(buckets...))
}

func (o *observer) observe(ctx context.Context, e rdsiam.Event) {
	switch e.Kind {
	case rdsiam.LoginSucceeded, rdsiam.LoginRefused, rdsiam.LoginFailed:
		o.record(ctx, e, o.logins)
		if e.Kind == rdsiam.LoginSucceeded && o.created != nil {
			o.created.Record(ctx, e.Duration.Seconds(), metric.WithAttributes(attribute.String("db.client.connection.pool.name", o.pool)))
		}
		o.span(ctx, e, "rdsiam.login", trace.SpanKindClient)
	case rdsiam.TokenReused:
		o.record(ctx, e, o.tokens, attribute.Bool("rdsiam.token.reused", true))
	case rdsiam.TokenSigned, rdsiam.TokenFailed:
		o.record(ctx, e, o.tokens, attribute.Bool("rdsiam.token.reused", false))
		o.span(ctx, e, "rdsiam.token", trace.SpanKindInternal)
	}
}

func (o *observer) record(ctx context.Context, e rdsiam.Event, histogram metric.Float64Histogram, more ...attribute.KeyValue) {
	histogram.Record(ctx, e.Duration.Seconds(), metric.WithAttributes(append(o.shared(e), more...)...))
}

// shared returns the attributes that spans and metrics have: few values, and no names of people.
func (o *observer) shared(e rdsiam.Event) []attribute.KeyValue {
	all := append([]attribute.KeyValue{}, o.attributes...)
	if endpoint := e.Login.Endpoint; !endpoint.IsZero() {
		all = append(all, attribute.String("server.address", endpoint.Host()), attribute.Int("server.port", int(endpoint.Port())))
	}
	if e.Err == nil {
		return all
	}
	class, code := errortype.Of(e.Err)
	all = append(all, attribute.String("error.type", class))
	if code != "" {
		all = append(all, attribute.String("db.response.status_code", code))
	}
	return all
}

// span makes a span of what has happened: an observer cannot hand a context on.
func (o *observer) span(ctx context.Context, e rdsiam.Event, name string, kind trace.SpanKind) {
	ended := time.Now()
	attributes := append(o.shared(e), attribute.String("rdsiam.user", e.Login.User))
	if e.AccessKeyID != "" && !o.withoutKey {
		attributes = append(attributes, attribute.String("rdsiam.access_key_id", e.AccessKeyID))
	}
	if e.AccessKeyID != "" {
		attributes = append(attributes, attribute.Float64("rdsiam.token.age", e.TokenAge.Seconds()))
	}
	_, span := o.tracer.Start(ctx, name, trace.WithSpanKind(kind), trace.WithTimestamp(ended.Add(-e.Duration)), trace.WithAttributes(attributes...))
	if e.Err != nil {
		first, _, _ := strings.Cut(e.Err.Error(), "\n")
		span.SetStatus(codes.Error, first)
	}
	span.End(trace.WithTimestamp(ended))
}
