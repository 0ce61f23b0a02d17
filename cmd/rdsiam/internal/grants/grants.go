// Package grants reads rights as people write them at a shell, in words close to those of
// SQL.
//
//	select, insert on table app.orders
//	select on columns app.customers (id, "full name")
//	usage on schema app
//	process, replication client on server
//	select on all tables in app
//	select on future tables of app_owner in app
//	execute on function app.total(int, text)
//
// Names are taken as they are; those with spaces, dots, commas or brackets stand in double
// quotes, with "" for a quote.
package grants

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rdsiam/rdsiam/provision"
)

// Parse reads one right.
func Parse(text string) (provision.Grant, error) {
	words, err := split(text)
	if err != nil {
		return provision.Grant{}, err
	}
	p := &parser{words: words}
	privileges, err := p.privileges()
	if err != nil {
		return provision.Grant{}, err
	}
	grant, err := p.object(privileges)
	if err == nil && len(p.words) > 0 {
		err = fmt.Errorf("%q is left over", p.words[0].text)
	}
	return grant, err
}

type parser struct{ words []word }

func (p *parser) next() (word, bool) {
	if len(p.words) == 0 {
		return word{}, false
	}
	first := p.words[0]
	p.words = p.words[1:]
	return first, true
}

// accept takes a keyword, if it is the next word.
func (p *parser) accept(keyword string) bool {
	if len(p.words) > 0 && p.words[0].is(keyword) {
		p.words = p.words[1:]
		return true
	}
	return false
}

func (p *parser) expect(keyword string) error {
	if p.accept(keyword) {
		return nil
	}
	if len(p.words) == 0 {
		return fmt.Errorf("it ends where %q is expected", keyword)
	}
	return fmt.Errorf("%q is where %q is expected", p.words[0].text, keyword)
}

func (p *parser) name(what string) (string, error) {
	w, ok := p.next()
	if !ok || !w.quoted && strings.ContainsAny(w.text, ".,()") {
		return "", fmt.Errorf("the %s is missing", what)
	}
	return w.text, nil
}

// qualified reads schema.name.
func (p *parser) qualified(what string) (schema, name string, err error) {
	if schema, err = p.name("schema of the " + what); err != nil {
		return "", "", err
	}
	if err := p.expect("."); err != nil {
		return "", "", fmt.Errorf("the %s needs its schema or database, as in app.%s", what, schema)
	}
	name, err = p.name("name of the " + what)
	return schema, name, err
}

// privileges reads a list that ends with "on". A privilege may have several words.
func (p *parser) privileges() ([]provision.Privilege, error) {
	var list []provision.Privilege
	var name []string
	known := privilegesByName()
	for {
		w, ok := p.next()
		if !ok {
			return nil, fmt.Errorf(`there is no "on"; write it like: select, insert on table app.orders`)
		}
		if !w.is(",") && !w.is("on") {
			name = append(name, strings.ToLower(w.text))
			continue
		}
		privilege, ok := known[strings.Join(name, " ")]
		if !ok {
			return nil, fmt.Errorf("%q is none of the privileges %s", strings.Join(name, " "), strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		}
		list, name = append(list, privilege), nil
		if w.is("on") {
			return list, nil
		}
	}
}

// privilegesByName returns the privileges by the names that SQL gives them.
func privilegesByName() map[string]provision.Privilege {
	known := map[string]provision.Privilege{"create temporary tables": provision.Temporary}
	for p := provision.Select; p <= provision.ShowDatabases; p++ {
		known[strings.ToLower(p.String())] = p
	}
	return known
}
