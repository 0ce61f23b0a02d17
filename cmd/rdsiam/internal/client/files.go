package client

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
)

// Files keeps what clients read from files: certificate authorities and option files,
// nothing secret. They stay, since a client may open them at any time and outlives rdsiam;
// the same text is the same file, so that they do not pile up.
type Files struct{ folder string }

// UserFiles returns the files of this user, in the folder for caches.
func UserFiles() (Files, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return Files{}, fmt.Errorf("cannot find a folder for the file of certificate authorities: %w; set HOME or XDG_CACHE_HOME", err)
	}
	return Files{filepath.Join(cache, "rdsiam")}, nil
}

// Write returns the path of a file called name that holds text. It is in a folder of its own.
func (f Files) Write(name, text string) (string, error) {
	path, err := f.write(name, text)
	if err != nil {
		return "", fmt.Errorf("cannot keep %s in a file for the client: %w; set XDG_CACHE_HOME to a folder that you can write to", name, err)
	}
	return path, nil
}

func (f Files) write(name, text string) (string, error) {
	sum := sha256.Sum256([]byte(text))
	folder := filepath.Join(f.folder, "client-"+hex.EncodeToString(sum[:12]))
	path := filepath.Join(folder, name)
	if found, err := os.ReadFile(path); err == nil && string(found) == text {
		return path, nil
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", err
	}
	// Another process may read the file while it is written: it appears as a whole.
	temporary, err := os.CreateTemp(folder, name)
	if err != nil {
		return "", err
	}
	defer os.Remove(temporary.Name())
	if _, err := temporary.WriteString(text); err != nil {
		temporary.Close()
		return "", err
	}
	if err := temporary.Close(); err != nil {
		return "", err
	}
	return path, os.Rename(temporary.Name(), path)
}
