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
		return b.String() + "BEGIN;\n\n" + p.Migration() + "\nCOMMIT;\n"
	}
	return b.String() + "\n" + p.Migration()
}

// Migration returns the plan as a file for golang-migrate: statements that end in
// semicolons, with comments. PostgreSQL runs such a file as one transaction. For MySQL and
// MariaDB, golang-migrate needs multiStatements=true in the DSN.
//
// A file checks what it finds as [Apply] does, with two exceptions: it does not try again
// when it meets another runner, and where a grant in MySQL or MariaDB would hide an older one,
// it fails with "rdsiam: hides an older grant" instead of carrying that over.
func (p *Plan) Migration() string {
	var b strings.Builder
	for i, s := range p.Statements {
		if i > 0 {
			b.WriteString("\n")
		}
		b.WriteString("-- " + s.Summary + "\n" + s.SQL + ";\n")
	}
	return b.String()
}

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
	for _, s := range p.Statements {
		// goose takes every comment with its name in it for an annotation.
		summary := strings.ReplaceAll(s.Summary, "+goose", "+ goose")
		b.WriteString("\n-- " + summary + "\n-- +goose StatementBegin\n" + s.SQL + ";\n-- +goose StatementEnd\n")
	}
}
