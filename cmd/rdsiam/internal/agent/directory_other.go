//go:build !unix

package agent

import "os"

// Directory is one of an agent.
type Directory struct{ Path string }

// NewDirectory makes a directory, which the system keeps for this user.
func NewDirectory(label string) (*Directory, error) {
	path, err := os.MkdirTemp("", "rdsiam-"+label+"-")
	return &Directory{path}, err
}

// Remove removes the directory.
func (d *Directory) Remove() { _ = os.RemoveAll(d.Path) }
