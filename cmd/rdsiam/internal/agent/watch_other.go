//go:build unix && !linux && !darwin

package agent

import "errors"

func watch(int) (ended func(), err error) { return nil, errors.ErrUnsupported }
