package errortext

import "github.com/rdsiam/rdsiam/provision"

func account(err *provision.Error) string { return withoutProgram(err) }
