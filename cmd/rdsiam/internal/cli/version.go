package cli

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

func newVersion(streams Streams) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print version, commit and Go version",
		Args:  between(0, 0, ""),
		RunE: func(command *cobra.Command, _ []string) error {
			_, err := io.WriteString(streams.Out, command.Root().Name()+" "+version()+"\n"+buildLines())
			return err
		},
	}
}

// version is that of the module, as it was built.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "of unknown version"
}

// buildLines says what the binary was built from: go build stores the commit of a clone, and
// go install MODULE@VERSION does not, since the version names it.
func buildLines() string {
	settings := make(map[string]string)
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, setting := range info.Settings {
			settings[setting.Key] = setting.Value
		}
	}
	var lines strings.Builder
	if commit := settings["vcs.revision"]; commit != "" {
		modified := ""
		if settings["vcs.modified"] == "true" {
			modified = ", with changes"
		}
		fmt.Fprintf(&lines, "commit %s of %s%s\n", commit, settings["vcs.time"], modified)
	}
	fmt.Fprintf(&lines, "%s %s/%s\n", runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return lines.String()
}
