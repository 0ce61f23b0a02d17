package rdsiamtest

// TokenHistory is what the throttle knows of tokens.
type TokenHistory struct{ history tokenHistory }

func (h *TokenHistory) Admit(token string, limit int) bool { return h.history.admit(token, limit) }

func (h *TokenHistory) Seen() int { return len(h.history.seen) }
