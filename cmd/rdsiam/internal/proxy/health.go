package proxy

import (
	"net/http"

	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/errortext"
)

// Handler serves what watches a proxy:
//
//	/livez    200 as long as the process serves anything
//	/readyz   200 if clients are accepted and there is a token to log them in with, else 503
//	/metrics  metrics for Prometheus
//
// None of it tells names, tokens or passwords.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "alive") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if err := s.Ready(r.Context()); err != nil {
			s.log.Line("ready", "not ready: "+errortext.Of(err))
			say(w, http.StatusServiceUnavailable, "not ready; the log of the proxy says why")
			return
		}
		say(w, http.StatusOK, "ready")
	})
	mux.Handle("GET /metrics", s.counters.handler())
	return mux
}

func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n"))
}
