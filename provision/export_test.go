package provision

// For FuzzQuote.
var (
	PGIdentifier      = pgIdentifier
	PGString          = pgString
	PGDollar          = pgDollar
	MyIdentifier      = myIdentifier
	MyString          = myString
	MyDatabasePattern = myDatabasePattern
	UnescapePattern   = unescapePattern
	Matches           = matches
)

// Explain says what the answer to a statement of a kind means.
func Explain(e Engine, kind StatementKind, err error) error {
	return explain(e, "a", Statement{Kind: kind, Summary: "do it"}, err)
}
