package provision

import "strings"

// String returns the plan as a script with comments: a dry run, and something for psql
// or mysql. The one for PostgreSQL is a transaction.
func (p *Plan) String() string {
	var b strings.Builder
	b.WriteString("-- " + p.Engine.String() + " account " + p.Account + "\n")
	for _, warning := range p.Warnings {
		b.WriteString("-- note: " + warning + "\n")
	}
	if p.Engine == PostgreSQL {
		return b.String() + "BEGIN;\n\n" + p.script(true) + "\nCOMMIT;\n"
	}
	return b.String() + "\n" + p.script(true)
}

// Migration returns the plan as a file for golang-migrate: statements that end in
// semicolons, with comments. PostgreSQL runs such a file as one transaction. For MySQL and
// MariaDB, golang-migrate needs multiStatements=true in the DSN.
//
// A file checks what it finds as [Apply] does, but does not try again when it meets another
// runner, and a REVOKE of what is not granted fails in MySQL and MariaDB. In MySQL, a file is
// for one kind of server; see [PartialRevokes].
func (p *Plan) Migration() string { return p.script(false) }

// script returns the statements for one kind of server. both shows those for the other kind, too.
func (p *Plan) script(both bool) string {
	var b strings.Builder
	for i, s := range p.fileStatements() {
		if i > 0 {
			b.WriteString("\n")
		}
		b.WriteString("-- " + s.Summary + "\n" + s.on(p.literal) + ";\n")
		if both && s.Literal != "" {
			b.WriteString("-- where partial_revokes is " + map[bool]string{true: "off", false: "on"}[p.literal] + ": " + s.on(!p.literal) + ";\n")
		}
	}
	return b.String()
}

// fileStatements returns what a file has: the statements of the plan, after a guard for its
// kind of server where one is needed.
func (p *Plan) fileStatements() []Statement { return append(p.guardNames(), p.Statements...) }

// GooseFile returns a migration for goose. down may be nil. Statements are annotated, since
// goose would split blocks at their semicolons. Files for MySQL and MariaDB run without a
// transaction, which these could not roll back. See [Plan.Migration] for what a file does not do.
func GooseFile(up, down *Plan) string {
	var b strings.Builder
	if up.Engine != PostgreSQL {
		b.WriteString("-- +goose NO TRANSACTION\n")
	}
	b.WriteString("-- +goose Up\n")
	up.writeGoose(&b)
	if down != nil {
		b.WriteString("\n-- +goose Down\n")
		down.writeGoose(&b)
	}
	return b.String()
}

func (p *Plan) writeGoose(b *strings.Builder) {
	for _, s := range p.fileStatements() {
		// goose takes every comment with its name in it for an annotation.
		summary := strings.ReplaceAll(s.Summary, "+goose", "+ goose")
		b.WriteString("\n-- " + summary + "\n-- +goose StatementBegin\n" + s.on(p.literal) + ";\n-- +goose StatementEnd\n")
	}
}
