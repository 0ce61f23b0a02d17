package rdsiam

// ParseRegionRoots finds and parses the embedded roots of a region, as the first
// use of the region does, and returns how many there are.
func ParseRegionRoots(region string) int { return len(parseRoots(regionSection(region))) }
