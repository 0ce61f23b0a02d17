package cli

import (
	"strings"

	"github.com/spf13/cobra"
)

// endpointArgument is ENDPOINT: the first argument, or --endpoint, which means the same.
type endpointArgument struct{ flag string }

func (e *endpointArgument) addTo(command *cobra.Command) {
	command.Flags().StringVar(&e.flag, "endpoint", "", "the same as the argument ENDPOINT")
}

// find returns the endpoint of a command line, "" where there is none.
func (e *endpointArgument) find(args []string) (string, error) {
	switch {
	case len(args) == 0:
		return e.flag, nil
	case e.flag != "":
		return "", usagef("%s and --endpoint %s are one too many: give ENDPOINT as the argument or with --endpoint", args[0], e.flag)
	}
	return args[0], nil
}

// require is find for commands that need one.
func (e *endpointArgument) require(command *cobra.Command, args []string) (string, error) {
	endpoint, err := e.find(args)
	if err == nil && endpoint == "" {
		err = usagef("%s needs an ENDPOINT, host or host:port, as its argument or with --endpoint; see %s --help", command.CommandPath(), command.CommandPath())
	}
	return endpoint, err
}

// requireBefore is require for commands of a program, which comes after --.
func (e *endpointArgument) requireBefore(command *cobra.Command, args []string) (endpoint string, program []string, err error) {
	mine := beforeDash(command, args)
	if err := between(0, 1, "one ENDPOINT; the program and its arguments come after --")(command, mine); err != nil {
		return "", nil, err
	}
	endpoint, err = e.require(command, mine)
	return endpoint, args[len(mine):], err
}

// beforeDash returns the arguments that stand before --.
func beforeDash(command *cobra.Command, args []string) []string {
	if dash := command.ArgsLenAtDash(); dash >= 0 {
		return args[:dash]
	}
	return args
}

// cutUser takes the user off user@host, as ssh and URLs have it. An @ is in no host name.
func cutUser(endpoint string) (user, host string, ok bool) {
	if strings.Contains(endpoint, "/") {
		return "", "", false
	}
	at := strings.LastIndexByte(endpoint, '@')
	if at <= 0 {
		return "", "", false
	}
	user, _, _ = strings.Cut(endpoint[:at], ":") // never a password
	return user, endpoint[at+1:], true
}
