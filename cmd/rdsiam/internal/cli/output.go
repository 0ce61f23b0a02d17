package cli

import (
	"encoding/json"
	"io"

	"github.com/spf13/cobra"
)

// outputFormat is the value of --output: for people, or for programs. The zero value is text.
type outputFormat string

const (
	outputText outputFormat = "text"
	outputJSON outputFormat = "json"
)

func (f *outputFormat) addTo(command *cobra.Command) {
	*f = outputText
	command.Flags().Var(f, "output", "text, or json for programs")
	// It fails only for a flag that does not exist.
	_ = command.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(
		[]string{string(outputText), string(outputJSON)}, cobra.ShellCompDirectiveNoFileComp))
}

// String, Set and Type implement pflag.Value.
func (f *outputFormat) String() string { return string(*f) }

func (f *outputFormat) Set(text string) error {
	switch given := outputFormat(text); given {
	case outputText, outputJSON:
		*f = given
		return nil
	}
	return usagef("must be text or json")
}

func (f *outputFormat) Type() string { return "format" }

// writeJSON writes value as indented JSON, with <, > and & as they are.
func writeJSON(out io.Writer, value any) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}
