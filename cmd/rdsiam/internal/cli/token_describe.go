package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/cmd/rdsiam/internal/tokeninfo"
)

// describeInput describes the token on standard input.
func describeInput(ctx context.Context, streams Streams, output outputFormat) error {
	text, err := readInput(ctx, streams.In)
	if err != nil {
		return err
	}
	info := tokeninfo.Read(string(text), time.Now())
	if err := printTokenInfo(streams.Out, info, time.Now(), output); err != nil {
		return err
	}
	if info.Refused() {
		return exitStatus{code: exitFindings}
	}
	return nil
}

// describeToken describes a token that was made just now.
func describeToken(out io.Writer, token rdsiam.Token, now time.Time, output outputFormat) error {
	info := tokeninfo.Read(token.Reveal(), now)
	info.Expires = token.Expires() // the credentials may expire sooner, of which the text knows nothing
	return printTokenInfo(out, info, now, output)
}

func printTokenInfo(out io.Writer, info tokeninfo.Info, now time.Time, output outputFormat) error {
	if output == outputJSON {
		return writeJSON(out, info)
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, line := range tokenLines(info, now) {
		if line.value != "" {
			fmt.Fprintf(table, "%s\t%s\n", line.name, line.value)
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	var failed error
	for _, p := range info.Problems {
		_, err := fmt.Fprintf(out, "%s: %s; %s\n", p.Severity, p.Problem, p.Fix)
		failed = errors.Join(failed, err)
	}
	return failed
}

type line struct{ name, value string }

func tokenLines(info tokeninfo.Info, now time.Time) []line {
	endpoint := info.Endpoint
	if info.Kind != "" {
		endpoint += " (" + info.Kind + ")"
	}
	return []line{
		{"endpoint", endpoint},
		{"user", quoteUnusual(info.User)},
		{"region", quoteUnusual(info.Region)},
		{"access key", accessKey(info)},
		{"signed", instant(info.Signed, now)},
		{"expires", instant(info.Expires, now)},
		{"length", strconv.Itoa(info.Characters) + " characters; the signature is not shown"},
	}
}

func accessKey(info tokeninfo.Info) string {
	switch {
	case info.AccessKeyID == "":
		return ""
	case info.SessionToken > 0:
		return quoteUnusual(info.AccessKeyID) + " (temporary; its session token of " + strconv.Itoa(info.SessionToken) + " characters is not shown)"
	}
	return quoteUnusual(info.AccessKeyID) + " (without a session token)"
}

// instant returns a time, and how far away it is.
func instant(t, now time.Time) string {
	if t.IsZero() {
		return ""
	}
	text := t.UTC().Format(time.RFC3339)
	if away := t.Sub(now); away > 0 {
		return text + " (in " + tokeninfo.Rough(away) + ")"
	}
	return text + " (" + tokeninfo.Rough(now.Sub(t)) + " ago)"
}

// quoteUnusual quotes what would not be seen as it is, or would change the terminal.
func quoteUnusual(text string) string {
	if quoted := strconv.Quote(text); quoted != `"`+text+`"` || strings.TrimSpace(text) != text {
		return quoted
	}
	return text
}
