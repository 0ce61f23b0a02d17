package realserver

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"embed"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// A workspace is the directory of one server. It belongs to the user that the
// server runs as, and nobody else but root can enter it: the sockets inside
// need no passwords.
type workspace struct {
	root root     // of the server's programs
	dir  string   // as they see it
	as   *account // nil: ourselves
}

// account is a user that programs are run as.
type account struct {
	uid, gid uint32
}

// plainPath is what can stand unquoted in a PAM service file, in LD_PRELOAD and
// in a server's configuration.
var plainPath = regexp.MustCompile(`^/[A-Za-z0-9_./+@%-]*$`)

// maxWorkspacePath leaves room for the names of sockets, whose paths are at
// most 107 bytes.
const maxWorkspacePath = 80

// newWorkspace makes a directory for a server that runs as the first of users
// that exists if we are root, which all servers refuse to run as. In a folder of
// its own, the users of this machine mean nothing, but for nobody.
func newWorkspace(r root, users ...string) (*workspace, error) {
	parent := "" // the directory for temporary files
	if r != "" {
		parent, users = r.onMachine("/tmp"), []string{"nobody"}
	}
	as, err := serverAccount(users)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(parent, "rdsiam-")
	if err != nil {
		return nil, fmt.Errorf("realserver: %w", err)
	}
	w := &workspace{root: r, dir: r.inside(dir), as: as}
	if err := w.prepare(); err != nil {
		w.remove()
		return nil, err
	}
	return w, nil
}

func serverAccount(users []string) (*account, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range users {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err := errors.Join(err1, err2); err != nil {
			return nil, fmt.Errorf("realserver: user %s: %w", name, err)
		}
		return &account{uid: uint32(uid), gid: uint32(gid)}, nil
	}
	return nil, fmt.Errorf("realserver: no user to run a database server as: root is refused by it, and none of %s exists",
		strings.Join(users, ", "))
}

func (w *workspace) prepare() error {
	if err := w.checkPath(); err != nil || w.as == nil {
		return err
	}
	for parent := filepath.Dir(w.dir); parent != "/"; parent = filepath.Dir(parent) {
		info, err := os.Stat(w.root.onMachine(parent))
		if err != nil {
			return fmt.Errorf("realserver: %w", err)
		}
		if info.Mode()&0o001 == 0 {
			return fmt.Errorf("realserver: database servers do not run as root, and other users cannot enter %s: set TMPDIR to a directory that they can reach", parent)
		}
	}
	return w.give(w.onMachine(""))
}

// checkPath looks at the path on this machine too: sockets are made here.
func (w *workspace) checkPath() error {
	here := w.onMachine("")
	if plainPath.MatchString(w.dir) && len(here) <= maxWorkspacePath {
		return nil
	}
	remedy := "set TMPDIR to another one"
	if w.root != "" {
		remedy = fmt.Sprintf("move %s, the folder of the server, to a shorter path", w.root)
	}
	return fmt.Errorf("realserver: temporary directory %q is not an absolute path of at most %d plain characters: %s",
		here, maxWorkspacePath, remedy)
}

// give makes the file at path, on this machine, the server's own.
func (w *workspace) give(path string) error {
	if w.as == nil {
		return nil
	}
	if err := os.Chown(path, int(w.as.uid), int(w.as.gid)); err != nil {
		return fmt.Errorf("realserver: %w", err)
	}
	return nil
}

func (w *workspace) remove() { os.RemoveAll(w.onMachine("")) }

// path returns the path of a file in the workspace as the server sees it.
func (w *workspace) path(name string) string { return filepath.Join(w.dir, name) }

// onMachine returns the same path as this machine sees it.
func (w *workspace) onMachine(name string) string { return w.root.onMachine(w.path(name)) }

func (w *workspace) write(name string, data []byte) error {
	path := w.onMachine(name)
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("realserver: %w", err)
	}
	if err := w.give(dir); err != nil {
		return err
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		return fmt.Errorf("realserver: %w", err)
	}
	return w.give(path)
}

// The files that writeCertificate writes.
const (
	certificateFile = "server.crt"
	keyFile         = "server.key"
)

func (w *workspace) writeCertificate(c tls.Certificate) error {
	var chain []byte
	for _, der := range c.Certificate {
		chain = append(chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	key, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		return fmt.Errorf("realserver: Options.Certificate: %w", err)
	}
	return errors.Join(
		w.write(certificateFile, chain),
		w.write(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})))
}

//go:embed csrc
var sources embed.FS

// compile makes the shared library from the file source in csrc, with the
// compiler of this machine.
func (w *workspace) compile(ctx context.Context, source, library string) error {
	cc, err := findCompiler()
	if err != nil {
		return err
	}
	entries, err := sources.ReadDir("csrc")
	if err != nil {
		return fmt.Errorf("realserver: %w", err)
	}
	for _, e := range entries {
		text, err := sources.ReadFile("csrc/" + e.Name())
		if err != nil {
			return fmt.Errorf("realserver: %w", err)
		}
		if err := w.write("csrc/"+e.Name(), text); err != nil {
			return err
		}
	}
	here := w
	if w.root != "" {
		// As ourselves: the server's user cannot reach a folder below our home.
		here = &workspace{dir: w.onMachine("")}
	}
	if _, err := here.run(ctx, "", cc, "-shared", "-fPIC", "-O1", "-o", library, "csrc/"+source); err != nil {
		if ctx.Err() != nil {
			return err
		}
		// The usual reason is a compiler without the C library's headers.
		return &MissingError{What: fmt.Sprintf("working C compiler (%v)", err), Install: "gcc libc6-dev"}
	}
	return w.give(w.onMachine(library))
}
