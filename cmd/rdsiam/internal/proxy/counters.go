package proxy

import (
	"context"
	"net/http"
	"strconv"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/internal/errortype"
)

// counters are what a Server counts from its start, as metrics of Prometheus. Those of logins
// have the names of the library's metrics in OpenTelemetry.
type counters struct {
	registry *prometheus.Registry
	accepted prometheus.Counter
	open     prometheus.Gauge
	refused  *prometheus.CounterVec
	canceled prometheus.Counter
	moved    moved
	logIns   *prometheus.HistogramVec
	tokens   *prometheus.HistogramVec

	cut atomic.Uint64 // sessions, not a metric: the process ends with it
}

// refusedReason is why a client was turned away here, before a login at the database.
type refusedReason string

const (
	refusedUser     refusedReason = "user"
	refusedPassword refusedReason = "password"
	refusedLimit    refusedReason = "limit"
	refusedRoom     refusedReason = "room"
	refusedProtocol refusedReason = "protocol"
	refusedTimeout  refusedReason = "timeout"
	refusedLeft     refusedReason = "left"
	refusedChanged  refusedReason = "changed"
)

func newCounters(server rdsiam.Endpoint, most int) *counters {
	c := &counters{registry: prometheus.NewRegistry()}
	c.registry.MustRegister(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	register := prometheus.WrapRegistererWith(prometheus.Labels{"server_address": server.Host()}, c.registry)
	add := func(metrics ...prometheus.Collector) { register.MustRegister(metrics...) }
	counter := func(name, help string) prometheus.Counter {
		metric := prometheus.NewCounter(prometheus.CounterOpts{Name: "rdsiam_proxy_" + name, Help: help})
		add(metric)
		return metric
	}
	gauge := func(name, help string) prometheus.Gauge {
		metric := prometheus.NewGauge(prometheus.GaugeOpts{Name: "rdsiam_proxy_" + name, Help: help})
		add(metric)
		return metric
	}
	histogram := func(name, help string, labels ...string) *prometheus.HistogramVec {
		metric := prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: name, Help: help, Buckets: []float64{.001, .005, .01, .05, .1, .5, 1, 5, 10},
		}, labels)
		add(metric)
		return metric
	}
	c.accepted = counter("accepted_total", "Connections that were accepted.")
	c.open = gauge("connections", "Clients that are logged in.")
	gauge("connections_limit", "Clients that may be logged in.").Set(float64(most))
	c.canceled = counter("cancel_requests_total", "Cancel requests that named a session.")
	c.moved.toServer = counter("sent_bytes_total", "Bytes passed on to the database, without logins.")
	c.moved.toClient = counter("received_bytes_total", "Bytes passed on from the database, without logins.")
	c.refused = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "rdsiam_proxy_refused_total", Help: "Clients that were turned away by the proxy itself.",
	}, []string{"reason"})
	add(c.refused)
	for _, reason := range []refusedReason{refusedUser, refusedPassword, refusedLimit, refusedRoom, refusedProtocol, refusedTimeout, refusedLeft, refusedChanged} {
		c.refused.WithLabelValues(string(reason)) // a counter whose first value is 1 has no increase
	}
	c.logIns = histogram("rdsiam_login_duration_seconds", "Time that logins at the database took.", "error_type", "db_response_status_code")
	c.tokens = histogram("rdsiam_token_duration_seconds", "Time that it took to get tokens.", "error_type", "rdsiam_token_reused")
	return c
}

func (c *counters) refuse(reason refusedReason) { c.refused.WithLabelValues(string(reason)).Inc() }

// observe counts the steps of a login at the database.
func (c *counters) observe(_ context.Context, event rdsiam.Event) {
	failure, code := errortype.Of(event.Err)
	switch event.Kind {
	case rdsiam.TokenSigned, rdsiam.TokenReused, rdsiam.TokenFailed:
		reused := strconv.FormatBool(event.Kind == rdsiam.TokenReused)
		c.tokens.WithLabelValues(failure, reused).Observe(event.Duration.Seconds())
	case rdsiam.LoginSucceeded, rdsiam.LoginRefused, rdsiam.LoginFailed:
		c.logIns.WithLabelValues(failure, code).Observe(event.Duration.Seconds())
	}
}

// handler serves the metrics.
func (c *counters) handler() http.Handler {
	return promhttp.HandlerFor(c.registry, promhttp.HandlerOpts{})
}
