package attach

import (
	"errors"
	"fmt"

	"github.com/rdsiam/rdsiam"
	"github.com/rdsiam/rdsiam/internal/iampolicy"
)

// errForeign is returned for a policy that is not this program's to change.
var errForeign = errors.New("the policy that is there has more than rdsiam writes, so somebody else wrote or edited it; " +
	"give another --name, or change it by hand")

// usersOf returns the database users of a policy that is exactly as rdsiam writes them. A
// policy with anything else in it, such as a condition, another action or a Sid, is an error:
// rewriting it would lose that.
func usersOf(document string) ([]rdsiam.UserARN, error) {
	policy, err := iampolicy.Parse(document)
	if err != nil {
		return nil, fmt.Errorf("%w (%w)", errForeign, err)
	}
	if len(policy.Statement) != 1 {
		return nil, errForeign
	}
	var users []rdsiam.UserARN
	for _, text := range policy.Statement[0].Resource {
		user, err := rdsiam.ParseUserARN(text)
		if err != nil {
			return nil, errForeign
		}
		users = append(users, user)
	}
	again, err := rdsiam.NewPolicy(users...)
	if err != nil || again.JSON() != string(policy.Indented()) {
		return nil, errForeign
	}
	return users, nil
}
