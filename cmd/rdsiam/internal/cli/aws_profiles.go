package cli

import (
	"bufio"
	"os"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/config"
)

// awsProfiles returns the names of the profiles in the files of the AWS CLI. A file that
// cannot be read has none.
func awsProfiles() []string {
	var names []string
	for _, file := range []struct {
		variable, name string
		prefix         string // of a profile's section, but for the default
	}{
		{"AWS_CONFIG_FILE", config.DefaultSharedConfigFilename(), "profile "},
		{"AWS_SHARED_CREDENTIALS_FILE", config.DefaultSharedCredentialsFilename(), ""},
	} {
		name := file.name
		if given := os.Getenv(file.variable); given != "" {
			name = given
		}
		names = append(names, profilesIn(name, file.prefix)...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func profilesIn(name, prefix string) (names []string) {
	file, err := os.Open(name)
	if err != nil {
		return nil
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		section, isSection := strings.CutPrefix(strings.TrimSpace(lines.Text()), "[")
		section, _, closed := strings.Cut(section, "]")
		if !isSection || !closed {
			continue
		}
		section = strings.Join(strings.Fields(section), " ")
		profile, named := strings.CutPrefix(section, prefix)
		if named || section == "default" {
			names = append(names, strings.Trim(profile, `"'`))
		}
	}
	return names
}
