package rdsmysql

import (
	"fmt"
	"slices"
	"sync"

	"github.com/go-sql-driver/mysql"
	"github.com/rdsiam/rdsiam"
)

// maskingLogger masks the tokens of the logins under way. The driver logs what servers send,
// such as the names of plugins, and a server that has received a token can send it back.
type maskingLogger struct {
	next mysql.Logger

	mu     sync.Mutex
	tokens []*rdsiam.Token
}

func (l *maskingLogger) add(token *rdsiam.Token) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tokens = append(l.tokens, token)
}

func (l *maskingLogger) remove(token *rdsiam.Token) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i := slices.Index(l.tokens, token); i >= 0 {
		l.tokens = slices.Delete(l.tokens, i, i+1)
	}
}

// Print passes on what holds no token as it is.
func (l *maskingLogger) Print(v ...any) {
	l.mu.Lock()
	tokens := slices.Clone(l.tokens)
	l.mu.Unlock()
	v = slices.Clone(v)
	for i, value := range v {
		text := fmt.Sprint(value)
		masked := text
		for _, token := range tokens {
			masked = token.Mask(masked)
		}
		if masked != text {
			v[i] = masked
		}
	}
	l.next.Print(v...)
}

// maskLog replaces the logger of config, the hook's copy that is about to dial. How the login
// ends is unknown there, so the token stays as long as the connection has it in its Config.
func maskLog(config *mysql.Config, token rdsiam.Token) {
	next := config.Logger
	if ours, ok := next.(*maskingLogger); ok {
		next = ours.next
	}
	if next != nil {
		config.Logger = &maskingLogger{next: next, tokens: []*rdsiam.Token{&token}}
	}
}
