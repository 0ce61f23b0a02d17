package provision

import (
	"context"
	"errors"
	"slices"
	"strings"
)

// readNaming asks how the server takes names. literal is whether names of databases
// in grants are no patterns. Names that it would change are refused.
func (p *Plan) readNaming(ctx context.Context, q querier) (literal bool, err error) {
	query := "SELECT CHAR_LENGTH('" + oneLetter + "'), @@lower_case_table_names, 0"
	if p.Engine == MySQL {
		query = "SELECT CHAR_LENGTH('" + oneLetter + "'), @@lower_case_table_names, @@global.partial_revokes"
	}
	var letters, lowerCase int
	if err := q.QueryRowContext(ctx, query).Scan(&letters, &lowerCase, &literal); err != nil {
		return false, explain(p.Engine, p.Account, Statement{}, err)
	}
	if letters != 1 {
		return false, p.wrongEncoding("connect with the character set utf8mb4")
	}
	if lowerCase == 0 {
		return literal, nil
	}
	for _, t := range slices.Concat(p.want.targets(), p.reject.targets()) {
		for _, name := range t.fileNames() {
			if name != strings.ToLower(name) {
				return false, nameCase.with("write "+quoted(strings.ToLower(name))).at(p.Account, Statement{},
					errors.New("the server keeps names of databases and tables in small letters, and the description has "+quoted(name)))
			}
		}
	}
	return literal, nil
}

// oneLetter is two to a server that does not take what it is sent for UTF-8, and would
// make another account of a name with such letters.
const oneLetter = "é"

func (p *Plan) wrongEncoding(fix string) error {
	return encoding.with(fix).at(p.Account, Statement{}, errors.New("the session is not in UTF-8"))
}

// fileNames returns the names that were those of files once, whose case matters unless
// lower_case_table_names says otherwise.
func (t target) fileNames() []string {
	switch t.level {
	case levelDatabase, levelFunction, levelProcedure:
		return []string{t.space}
	case levelTable, levelColumn:
		return []string{t.space, t.object}
	}
	return nil
}

// caseless returns what the server takes for the same thing: columns and routines are
// found in any spelling, and what it lists is the spelling of who granted first.
func (t target) caseless() target {
	switch t.level {
	case levelColumn:
		t.column = strings.ToLower(t.column)
	case levelFunction, levelProcedure:
		t.object = strings.ToLower(t.object)
	}
	return t
}

// respell returns have in the spelling of want, as far as that has the same things.
func respell(have, want access) access {
	spellings := make(map[target]target)
	for t := range want {
		spellings[t.caseless()] = t
	}
	all := make(access)
	for t := range have {
		spelled, ok := spellings[t.caseless()]
		if !ok {
			spelled = t
		}
		all.add(spelled, have.words(t)...)
	}
	return all
}
