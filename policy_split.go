package rdsiam

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/rdsiam/rdsiam/internal/iampolicy"
)

// PolicyLimit is how many characters IAM allows for a policy, depending on where it
// is attached.
type PolicyLimit int

// The limits of IAM. That of a managed policy is its own; those of inline policies
// are for all inline policies of the user, group or role together.
//
// See "IAM and AWS STS quotas" in the IAM user guide.
const (
	InlineUserLimit    PolicyLimit = 2048
	InlineGroupLimit   PolicyLimit = 5120
	ManagedPolicyLimit PolicyLimit = 6144
	InlineRoleLimit    PolicyLimit = 10240
)

// Size returns how many characters of a [PolicyLimit] the policy takes. White space
// between the elements is free. Letters outside ASCII count as two, which is what
// they take at most.
func (p *Policy) Size() int {
	if p.document == nil {
		return 0
	}
	return len(p.document.Compact())
}

// PolicyPart is one of the policies that [Policy.Split] makes of another.
type PolicyPart struct {
	*Policy

	// Key names the part for good, in small letters and digits: a part keeps it when
	// its users change and when other parts are divided. The two parts that take the
	// place of a divided one have new keys. "" is the key of a policy that was not
	// divided.
	Key string
}

// Split divides a policy that is too large for one document into several that
// together allow the same. It returns p alone if p fits.
//
// The users of a resource stay together as far as they fit. What is in a document
// depends on nothing but the users themselves: adding or removing one changes one
// document, and where that grows too large, divides it. The price is that documents
// are not filled up; they are about two thirds full. IAM attaches ten managed
// policies to a user or role, or more by quota.
//
// The error is a [*ConfigError]: limit is for inline policies, where dividing would
// not help since the limit is for all of them together, or the policy has
// statements of other kinds than those of [NewPolicy].
func (p *Policy) Split(limit PolicyLimit) ([]PolicyPart, error) {
	if p.Size() <= int(limit) {
		return []PolicyPart{{Policy: p}}, nil
	}
	if limit != ManagedPolicyLimit {
		return nil, configError("policy-inline-too-long", "policy", strconv.Itoa(p.Size())+" characters",
			"longer than "+strconv.Itoa(int(limit))+", and the inline policies of a user, group or role share one limit, so that dividing does not help",
			"use managed policies, split by ManagedPolicyLimit")
	}
	resources, problem := p.divisible()
	if problem != nil {
		return nil, problem
	}
	empty, err := allowConnect([]string{"*"})
	if err != nil {
		return nil, err
	}
	around := empty.Size() - len(`"*"`) // what is not a resource
	var parts []PolicyPart
	err = divide(keyResources(resources), 0, int(limit)-around, func(key string, resources []string) error {
		part, err := allowConnect(resources)
		if err == nil && part.Size() > int(limit) {
			err = configError("policy-resource-too-long", "policy", strconv.Itoa(part.Size())+" characters",
				"one resource alone is too long for a policy",
				"see whether it is the ARN of a database user")
		}
		parts = append(parts, PolicyPart{part, key})
		return err
	})
	if err != nil {
		return nil, err
	}
	return parts, nil
}

// divisible returns the resources of a policy that only allows to connect to them.
func (p *Policy) divisible() (resources []string, problem *ConfigError) {
	if p.document.Version != iampolicy.Version {
		return nil, configError("policy-version", "policy", p.document.Version,
			"of an old version of the policy language, in which ${*} means something else than in the parts",
			"write Version "+iampolicy.Version+" and see what Lint says")
	}
	for i, s := range p.document.Statement {
		if s.Effect != "Allow" || !slices.Equal(s.Action, []string{connectAction}) || s.Resource == nil || s.Condition != nil {
			return nil, configError("policy-indivisible", "policy", pathOf(s, i),
				"cannot be divided: more than an Allow of rds-db:connect on resources",
				"put it into a policy of its own")
		}
		resources = append(resources, s.Resource...)
	}
	slices.Sort(resources)
	return slices.Compact(resources), nil
}

// keyedResource is a resource with its place in a tree of bits: first those of the
// database, so that its users stay together, then those of the user.
type keyedResource struct {
	text string
	key  [2]uint64
	size int // in a list
}

func keyResources(texts []string) []keyedResource {
	keyed := make([]keyedResource, len(texts))
	for i, text := range texts {
		database, _, _ := strings.Cut(text, "/")
		keyed[i] = keyedResource{text, [2]uint64{hashOf(database), hashOf(text)}, len(iampolicy.Encode(text)) + len(",")}
	}
	slices.SortFunc(keyed, func(a, b keyedResource) int { return slices.Compare(a.key[:], b.key[:]) })
	return keyed
}

func hashOf(text string) uint64 {
	sum := sha256.Sum256([]byte(text))
	return binary.BigEndian.Uint64(sum[:])
}

// keyBits is how many bits a key has.
const keyBits = 128

func (r keyedResource) hasBit(bit int) bool { return r.key[bit/64]>>(63-bit%64)&1 == 1 }

// divide cuts resources, which are in the order of their keys, in two by one bit of
// the keys after the other, until each part fits into room. Since a part is cut
// only if it is too large, the others do not matter to it. It gives each part and its
// resources to add.
func divide(resources []keyedResource, bit, room int, add func(key string, resources []string) error) error {
	if len(resources) == 0 {
		return nil
	}
	part := make([]string, len(resources))
	size := -len(",")
	for i, r := range resources {
		part[i] = r.text
		size += r.size
	}
	if size <= room || bit == keyBits {
		return add(resources[0].beginning(bit), part)
	}
	half := sort.Search(len(resources), func(i int) bool { return resources[i].hasBit(bit) })
	if err := divide(resources[:half], bit+1, room, add); err != nil {
		return err
	}
	return divide(resources[half:], bit+1, room, add)
}

// beginning spells the first bits of the key: a hexadecimal digit for each four, and one of the
// letters from g to t for one, two or three that are left.
func (r keyedResource) beginning(bits int) string {
	digits := fmt.Sprintf("%016x%016x", r.key[0], r.key[1])[:bits/4]
	left := 1
	for bit := bits - bits%4; bit < bits; bit++ {
		left *= 2
		if r.hasBit(bit) {
			left++
		}
	}
	if left == 1 {
		return digits
	}
	return digits + string(rune('g'+left-2))
}
