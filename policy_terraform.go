package rdsiam

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Terraform returns the policy as a data source "aws_iam_policy_document" of
// Terraform or OpenTofu with this name, formatted as their fmt does. Its attribute
// json is what aws_iam_policy takes. The error is a [*ConfigError]: for a name that
// is no identifier, and for policies with "&{", in which Terraform's AWS provider
// would see a policy variable.
func (p *Policy) Terraform(name string) (string, error) {
	if !isIdentifier(name) {
		return "", configError("terraform-name", "name of the data source", name,
			"not an identifier of Terraform: letters, digits, _ and -, with a letter or _ first",
			"correct it")
	}
	if p.document.Statement == nil {
		return "", configError("policy-zero", "policy", "",
			"the zero Policy is no document",
			"make it with NewPolicy")
	}
	if strings.Contains(string(p.document.compact()), "&{") {
		return "", configError("terraform-escape", "policy", "",
			"has the characters &{, which Terraform's AWS provider turns into ${",
			"use the JSON text")
	}
	version := p.document.Version
	if version == "" {
		version = "2008-10-17" // what IAM takes it for; Terraform would write another
	}
	var b strings.Builder
	fmt.Fprintf(&b, "data \"aws_iam_policy_document\" %s {\n", quoteHCL(name))
	writeAttributes(&b, "  ", [][2]string{{"policy_id", quoteNonEmpty(p.document.ID)}, {"version", quoteHCL(version)}})
	for _, s := range p.document.Statement {
		b.WriteString("\n  statement {\n")
		writeStatement(&b, s)
		b.WriteString("  }\n")
	}
	b.WriteString("}\n")
	return b.String(), nil
}

func writeStatement(b *strings.Builder, s policyStatement) {
	const indent = "    "
	writeAttributes(b, indent, [][2]string{
		{"sid", quoteNonEmpty(s.SID)},
		{"effect", quoteHCL(s.Effect)},
		{"actions", quoteList(s.Action)},
		{"not_actions", quoteList(s.NotAction)},
	})
	writeList(b, indent, "resources", s.Resource)
	writeList(b, indent, "not_resources", s.NotResource)
	for _, operator := range slices.Sorted(maps.Keys(s.Condition)) {
		for _, key := range slices.Sorted(maps.Keys(s.Condition[operator])) {
			b.WriteString("\n" + indent + "condition {\n")
			writeAttributes(b, indent+"  ", [][2]string{
				{"test", quoteHCL(operator)},
				{"variable", quoteHCL(key)},
				{"values", quoteList(s.Condition[operator][key])},
			})
			b.WriteString(indent + "}\n")
		}
	}
}

// writeAttributes writes the attributes that have a value, with the signs = below
// each other.
func writeAttributes(b *strings.Builder, indent string, attributes [][2]string) {
	attributes = slices.DeleteFunc(attributes, func(a [2]string) bool { return a[1] == "" })
	width := 0
	for _, a := range attributes {
		width = max(width, len(a[0]))
	}
	for _, a := range attributes {
		fmt.Fprintf(b, "%s%-*s = %s\n", indent, width, a[0], a[1])
	}
}

// writeList writes one line for each text, so that a new one changes one line.
func writeList(b *strings.Builder, indent, name string, texts []string) {
	if len(texts) == 0 {
		return
	}
	b.WriteString(indent + name + " = [\n")
	for _, text := range texts {
		b.WriteString(indent + "  " + quoteHCL(text) + ",\n")
	}
	b.WriteString(indent + "]\n")
}

func quoteNonEmpty(text string) string {
	if text == "" {
		return ""
	}
	return quoteHCL(text)
}

func quoteList(texts []string) string {
	if len(texts) == 0 {
		return ""
	}
	quoted := make([]string, len(texts))
	for i, text := range texts {
		quoted[i] = quoteHCL(text)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// escapeHCL makes the signs that begin a template stand for themselves.
// https://github.com/hashicorp/hcl/blob/main/hclsyntax/spec.md#template-literals
var escapeHCL = strings.NewReplacer(
	"${", "$${", "%{", "%%{", `"`, `\"`, `\`, `\\`, "\n", `\n`, "\r", `\r`, "\t", `\t`)

func quoteHCL(text string) string {
	return `"` + escapeHCL.Replace(text) + `"`
}

func isIdentifier(text string) bool {
	return consistsOf(text, alphanumeric+"_-") && !strings.Contains(digits+"-", text[:1])
}
